package crypto_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/linnetmesh/linnet/"

// allowed are the packages that the pure rooms may import. None of them opens a file or a socket, tells the time, logs
// or starts a goroutine by itself; crypto/rand is the one source of what cannot be computed.
var allowed = map[string]bool{
	"bytes": true, "cmp": true, "encoding/base32": true, "encoding/base64": true, "encoding/binary": true,
	"encoding/hex": true, "errors": true, "fmt": true, "hash": true, "iter": true, "maps": true, "math": true,
	"math/big": true, "math/bits": true, "reflect": true, "slices": true, "strconv": true, "strings": true, "sync": true, "unicode/utf8": true, "embed": true,
	"time": true, // for time.Time and time.Duration alone: see clocks

	"crypto/aes": true, "crypto/cipher": true, "crypto/ecdh": true, "crypto/ed25519": true, "crypto/hkdf": true,
	"crypto/hmac": true, "crypto/hpke": true, "crypto/mlkem": true, "crypto/rand": true, "crypto/sha256": true,
	"crypto/sha3": true, "crypto/sha512": true, "crypto/subtle": true,

	"filippo.io/edwards25519": true, "filippo.io/edwards25519/field": true, "github.com/fxamacker/cbor/v2": true,
	"golang.org/x/crypto/chacha20poly1305": true,
}

// clocks are the names in package time that tell the time or wait.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}

// printers are the names in package fmt that write to the standard output or read from the standard input.
var printers = []string{"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"}

// testOnly is the room that reads files, for tests alone.
const testOnly = module + "crypto/internal/vectors"

// TestPure holds all rooms of crypto to what their package comments promise: no I/O, no clock, no log, no goroutine, and
// no imports but the few that an auditor expects.
func TestPure(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || module+path.Join("crypto", filepath.ToSlash(name)) == testOnly) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, complaint := range impurities(set, file) {
			t.Error(complaint)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Fatalf("only %d files were looked at", files)
	}
}

// impurities returns what is wrong with one file.
func impurities(set *token.FileSet, file *ast.File) (out []string) {
	complain := func(n ast.Node, what string) { out = append(out, set.Position(n.Pos()).String()+": "+what) }
	for _, i := range file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		switch {
		case err != nil || p == testOnly:
			complain(i, "imports "+i.Path.Value)
		case strings.HasPrefix(p, module+"crypto/") || allowed[p]:
		default:
			complain(i, "imports "+p)
		}
		if i.Name != nil && i.Name.Name == "." {
			complain(i, "imports into its own name space")
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			complain(n, "starts a goroutine")
		case *ast.SelectStmt, *ast.SendStmt:
			complain(n, "uses channels")
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if ok && x.Name == "time" && slices.Contains(clocks, n.Sel.Name) || ok && x.Name == "fmt" && slices.Contains(printers, n.Sel.Name) {
				complain(n, "calls "+x.Name+"."+n.Sel.Name)
			}
		case *ast.CallExpr:
			if x, ok := n.Fun.(*ast.Ident); ok && (x.Name == "print" || x.Name == "println") {
				complain(n, "prints")
			}
		}
		return true
	})
	return out
}

// TestImpuritiesAreSeen plants each kind of impurity.
func TestImpuritiesAreSeen(t *testing.T) {
	for _, body := range []string{
		`import "os"`, `import "log/slog"`, `import "net"`, `import "io"`, `import . "bytes"`,
		`import "` + module + `node"`, `import "` + module + `p2p/frame"`, `import "` + testOnly + `"`,
		`import "time"; var _ = time.Now()`, `import "fmt"; func f() { fmt.Println() }`,
		`func f() { go f() }`, `func f(c chan int) { c <- 1 }`, `func f() { select {} }`, `func f() { println() }`,
	} {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, "planted.go", "package p\n"+body, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if len(impurities(set, file)) != 1 {
			t.Errorf("%s: %v", body, impurities(set, file))
		}
	}
}
