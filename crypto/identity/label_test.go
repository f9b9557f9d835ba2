package identity

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/linnetmesh/linnet/crypto/kyber"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// labels reads the table from its source, so that no label can be forgotten here.
func labels(t testing.TB) map[string]Label {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "label.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Label{}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "Label" {
				continue
			}
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found[v.Names[0].Name] = Label(text)
		}
	}
	if len(found) < 40 || found["LabelManifest"] != LabelManifest {
		t.Fatalf("found only %d labels", len(found))
	}
	return found
}

func TestLabels(t *testing.T) {
	form := regexp.MustCompile(`^linnet [a-z0-9]+( [a-z0-9]+)* v1$`)
	seen := map[Label]string{}
	for name, l := range labels(t) {
		if !form.MatchString(string(l)) {
			t.Errorf("%s: %q is not of the form linnet <what> v1", name, l)
		}
		if !strings.HasPrefix(name, "Label") {
			t.Errorf("%s does not begin with Label", name)
		}
		if other, ok := seen[l]; ok {
			t.Errorf("%s and %s are both %q", name, other, l)
		}
		seen[l] = name
	}
	for a := range seen {
		for b := range seen {
			if a != b && bytes.HasPrefix(a.Input(), b.Input()) {
				t.Errorf("what is made for %q may pass for %q", a, b)
			}
		}
	}
}

// TestInputIsNoKey: an identity key signs bare keys for the Signal Protocol, and labelled inputs for us, of any length.
func TestInputIsNoKey(t *testing.T) {
	for name, l := range labels(t) {
		for first, size := range map[byte]int{0x05: xeddsa.PublicKeySize, 0x08: kyber.PublicKeySize} {
			for n := range size + 3 { // the parts alone are a key, and the whole has a key's length, among others
				in := l.Input(bytes.Repeat([]byte{first}, n))
				if in[0] != 'l' || len(in) != len(l)+1+n {
					t.Fatalf("%s: %d bytes that begin with %#x", name, len(in), in[0])
				}
			}
		}
	}
	key := xeddsa.GenerateKey()
	bare := xeddsa.GenerateKey().Public().Bytes()
	sig, err := key.Sign(bare)
	if err != nil {
		t.Fatal(err)
	}
	if LabelDevice.Verify(key.Public(), sig[:], bare) == nil {
		t.Error("the signature of a prekey passes for a device's proof")
	}
}

func TestInput(t *testing.T) {
	if got, want := LabelAck.Input([]byte("ab"), nil, []byte("c")), "linnet acknowledgment v1\x00abc"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := LabelAck.Info([]byte("x")); got != "linnet acknowledgment v1\x00x" {
		t.Errorf("got %q", got)
	}
	for _, l := range []Label{"", "linnet ", "linnet", "linnet a\x00b v1", "linnet a v1\x00", "\x05 device v1", "tor device v1"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q passes for a label", l)
				}
			}()
			l.Input()
		}()
	}
}

func TestLabelUses(t *testing.T) {
	key := xeddsa.GenerateKey()
	sig := must[[SignatureSize]byte](t)(LabelBundle.Sign(key, []byte("a"), []byte("b")))
	if err := LabelBundle.Verify(key.Public(), sig[:], []byte("ab")); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"other label": LabelBundlePart.Verify(key.Public(), sig[:], []byte("ab")),
		"other parts": LabelBundle.Verify(key.Public(), sig[:], []byte("abc")),
		"other key":   LabelBundle.Verify(xeddsa.GenerateKey().Public(), sig[:], []byte("ab")),
		"cut":         LabelBundle.Verify(key.Public(), sig[:63], []byte("ab")),
		"no key":      LabelBundle.Verify(xeddsa.PublicKey{}, sig[:], []byte("ab")),
	} {
		if err != ErrSignature { //nolint:errorlint // it is returned bare
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := LabelBundle.Sign(xeddsa.PrivateKey{}); err != ErrKey { //nolint:errorlint // it is returned bare
		t.Errorf("zero key: got %v", err)
	}
	if LabelAck.MAC([]byte("k"), []byte("a")) == LabelToken.MAC([]byte("k"), []byte("a")) {
		t.Error("two labels make one MAC")
	}
	var a, b [40]byte
	LabelVault.Derive(a[:], []byte("k"), []byte("a"))
	LabelErase.Derive(b[:], []byte("k"), []byte("a"))
	if a == b || a == [40]byte{} {
		t.Error("two labels make one key")
	}
}

// TestLabelsAreDocumented: the page for other implementations has the whole table.
func TestLabelsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ = bytes.Cut(page, []byte("## 2. Labels"))
	page, _, _ = bytes.Cut(page, []byte("## 3."))
	listed := map[Label]bool{}
	for _, l := range regexp.MustCompile(`linnet [a-z0-9 ]+? v1`).FindAllString(string(page), -1) {
		listed[Label(l)] = true
	}
	for name, l := range labels(t) {
		if !listed[l] {
			t.Errorf("%s is not in PROTOCOL.md", name)
		}
	}
	if got, want := len(listed), len(labels(t)); got != want {
		t.Errorf("%d labels in PROTOCOL.md, %d in the table", got, want)
	}
}
