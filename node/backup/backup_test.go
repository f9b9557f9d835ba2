package backup

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// Backups of releases are never made anew: whoever has one must be able to read it with every Linnet to come. What the
// next format is goes beside it, under the next number:
//
//	go test ./node/backup -run TestGolden -golden 2
var golden = flag.Int("golden", 0, "make the golden backup of this number, which must not be there yet")

const passphrase = "correct horse battery staple"

// quick is a lock that costs nearly nothing to try.
var quick = Lock{Passphrase: passphrase, Work: 1}

var day = time.Date(2027, 1, 15, 9, 0, 0, 0, time.UTC)

func account(n byte) identity.Account {
	seed, err := identity.ParseSeed(bytes.Repeat([]byte{n}, 32))
	if err != nil {
		panic(err)
	}
	a := seed.Account()
	return a.Public()
}

func text(n byte, what string) *chat.Item {
	id := chat.ID{n}
	m := &chat.Message{ID: id, Time: chat.At(day) + chat.Time(n), Kind: chat.KindText, Text: &chat.Text{Text: what}}
	return &chat.Item{Ref: chat.Ref{Author: account(1), ID: id}, Message: m, Device: 1, Received: chat.At(day)}
}

// sample has a record of each kind, and one of every shape.
func sample() []Record {
	gone := text(3, "taken back")
	gone.Deleted = true
	gone.Message = &chat.Message{ID: gone.Ref.ID, Time: gone.Message.Time, Kind: chat.KindText}
	edited := text(2, "hullo")
	edited.Edit = &chat.Change{Account: account(1), Time: chat.At(day) + 9, ID: chat.ID{9}, Text: "hello"}
	edited.Reactions = []chat.Change{{Account: account(2), Time: chat.At(day) + 10, ID: chat.ID{10}, Text: "👍"}}
	edited.Marks = []chat.Mark{{Author: chat.Author{Account: account(2), Device: 1}, Delivered: chat.At(day) + 11}}
	return []Record{
		&Account{Account: account(1), Device: 1, Manifest: []byte("a manifest"), Discovery: identity.DiscoveryKey(account(11)), Name: "Ada", About: "counts", Profile: chat.At(day)},
		&Contact{
			Account: account(2), Discovery: identity.DiscoveryKey(account(12)), State: 4, Manifest: []byte("another"), Name: "Ben", Alias: "Benny",
			Verified: true, Since: 1, Before: 4, Changed: 2, About: "listens", NameTime: 3, NameID: chat.ID{4}, Told: 5, Waiting: 6, Asked: 7,
			Sites: []Site{{Number: 1, Version: 2, Bundle: descriptor.BundleKey{3}, Transport: identity.TransportKey{4}, Direct: [][]byte{{5}}}},
		},
		&Contact{Account: account(3), State: 2, Token: []byte("0123456789abcdef"), Peers: []Peer{{Key: identity.TransportKey{1}, Addrs: [][]byte{{2}}}}},
		&Clock{Conversation: chat.Direct(account(2)), Last: chat.At(day)},
		&Item{Conversation: chat.Direct(account(2)), Item: text(1, "the first")},
		&Item{Conversation: chat.Direct(account(2)), Item: edited},
		&Item{Conversation: chat.Direct(account(2)), Item: gone},
		&Delivery{Account: account(2), Device: 1, ID: chat.ID{1}, Time: chat.At(day)},
		&Waiting{Account: account(2), Device: 1, ID: chat.ID{2}, Kind: chat.KindText, Said: 8},
		&Waiting{Account: account(3), ID: chat.ID{5}, Kind: chat.KindReaction, Said: 9, Failed: "why", Message: []byte("bytes")},
	}
}

func write(t testing.TB, lock Lock, all []Record) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, lock, day)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if err := w.Put(r); err != nil {
			t.Fatal(err)
		}
	}
	w.Damaged(2)
	s, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	want := Summary{Made: day, Account: account(1), Device: 1, Name: "Ada", Contacts: 2, Messages: 2, Waiting: 2, Damaged: 2}
	if d := cmp.Diff(want, s); d != "" && len(all) == len(sample()) {
		t.Error(d)
	}
	return out.Bytes()
}

func read(b []byte, key Key) (all []Record, s Summary, err error) {
	r, err := NewReader(bytes.NewReader(b), key)
	if err != nil {
		return nil, s, err
	}
	defer r.Close()
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, r.Summary(), nil
		}
		if err != nil {
			return all, s, err
		}
		all = append(all, record)
	}
}

func TestRoundTrip(t *testing.T) {
	classic, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	quantum, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]Key{
		"passphrase": {Passphrase: passphrase},
		"classic":    {Identities: "# a comment\n" + classic.String() + "\n"},
		"quantum":    {Identities: quantum.String()},
	}
	for name, lock := range map[string]Lock{
		"passphrase": quick, "classic": {Recipients: []string{classic.Recipient().String()}}, "quantum": {Recipients: []string{quantum.Recipient().String()}},
	} {
		b := write(t, lock, sample())
		if got := TakesPassphrase(b); got != (name == "passphrase") {
			t.Errorf("%s: takes a passphrase: %v", name, got)
		}
		for other, key := range keys {
			got, s, err := read(b, key)
			if other != name {
				if !errors.Is(err, ErrKey) {
					t.Errorf("%s opened by %s: %v", name, other, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if d := cmp.Diff(sample(), got); d != "" {
				t.Errorf("%s: %s", name, d)
			}
			if !s.Made.Equal(day) || s.Contacts != 2 || s.Messages != 2 || s.Waiting != 2 || s.Damaged != 2 || s.Name != "Ada" {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
	if _, _, err := read(write(t, quick, sample()), Key{Passphrase: "wrong"}); !errors.Is(err, ErrKey) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	for name, lock := range map[string]Lock{
		"nothing": {}, "both": {Passphrase: "x", Recipients: []string{classic.Recipient().String()}}, "misspelt": {Recipients: []string{"age1x"}},
		"a mixture": {Recipients: []string{classic.Recipient().String(), quantum.Recipient().String()}},
		"many":      {Recipients: make([]string, maxRecipients+1)},
	} {
		var out bytes.Buffer
		if _, err := NewWriter(&out, lock, day); err == nil || out.Len() > 0 {
			t.Errorf("%s: a backup was made, %d bytes: %v", name, out.Len(), err)
		}
	}
	for name, key := range map[string]Key{"no key": {}, "no identities": {Identities: classic.Recipient().String()}} {
		if _, _, err := read(nil, key); !errors.Is(err, ErrKey) || strings.Contains(err.Error(), "age1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGolden(t *testing.T) {
	if *golden > 0 {
		f, err := os.OpenFile(fmt.Sprintf("testdata/backup%d.age", *golden), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Write(write(t, quick, sample()))
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	all, err := filepath.Glob("testdata/backup*.age")
	if err != nil || len(all) == 0 {
		t.Fatal("there are no backups: ", err)
	}
	for _, path := range all {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := read(b, Key{Passphrase: passphrase})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(sample(), got); d != "" {
			t.Errorf("%s is not what was written:\n%s", path, d)
		}
	}
}

// Of a file that was changed or cut short, nobody is told that all of it is there.
func TestDamage(t *testing.T) {
	b := write(t, quick, sample())
	for n := range len(b) {
		if _, _, err := read(b[:n], Key{Passphrase: passphrase}); err == nil {
			t.Fatalf("%d of %d bytes were taken for all", n, len(b))
		}
		other := bytes.Clone(b)
		other[n] ^= 0x20
		if _, _, err := read(other, Key{Passphrase: passphrase}); err == nil {
			t.Fatalf("byte %d was changed, and nobody saw it", n)
		}
	}
	if _, _, err := read(append(b, 0), Key{Passphrase: passphrase}); err == nil {
		t.Error("a byte behind the end was not seen")
	}
	for name, file := range map[string][]byte{"empty": nil, "text": []byte("hello"), "long": bytes.Repeat([]byte("-> x\n"), 1<<20)} {
		if _, _, err := read(file, Key{Passphrase: passphrase}); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// plain returns records as they are before packing and sealing.
func plain(t testing.TB, all []Record) []byte {
	t.Helper()
	var out bytes.Buffer
	w := newRecords(&out)
	if err := w.begin(day); err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if err := w.Put(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.end(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func parseAll(b []byte) error {
	p := newParser(bytes.NewReader(b))
	if err := p.begin(); err != nil {
		return err
	}
	for {
		if _, err := p.Next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func TestOrder(t *testing.T) {
	b := plain(t, sample())
	if err := parseAll(b); err != nil {
		t.Fatal(err)
	}
	all := sample()
	for name, wrong := range map[string][]Record{
		"no account":   all[1:],
		"two accounts": {all[0], all[0]},
		"back":         {all[0], all[3], all[1]},
	} {
		w := newRecords(io.Discard)
		err := w.begin(day)
		for _, r := range wrong {
			err = errors.Join(err, w.Put(r))
		}
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := newRecords(io.Discard)
	if err := w.begin(day); err != nil {
		t.Fatal(err)
	}
	if _, err := w.end(); !errors.Is(err, ErrDamaged) {
		t.Errorf("an empty one: %v", err)
	}
	for name, bad := range map[string][]byte{
		"a newer format":       {1, 5, 0xa2, 1, 2, 2, 1},
		"must understand":      {1, 7, 0xa3, 1, 1, 2, 1, 0x20, 0},
		"a record too large":   {1, 0x81, 0x80, 0x40},
		"an endless length":    bytes.Repeat([]byte{0xff}, 20),
		"announced, not there": append([]byte{1}, 0xff, 0xff, 0x3f),
	} {
		err := parseAll(bad)
		newer := strings.Contains(name, "newer") || strings.Contains(name, "must")
		if err == nil || errors.Is(err, identity.ErrNewer) != newer {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// zeros packs well.
type zeros struct{ left int }

func (z *zeros) Read(b []byte) (int, error) {
	n := min(len(b), z.left)
	if clear(b[:n]); n == 0 {
		return 0, io.EOF
	}
	z.left -= n
	return n, nil
}

// A file that unpacks to very much costs no memory, and ends at the first thing that makes no sense.
func TestBomb(t *testing.T) {
	recipients, err := quick.recipients()
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	w := &Writer{}
	if w.sealed, err = age.Encrypt(&file, recipients...); err != nil {
		t.Fatal(err)
	}
	zip, err := pack(w.sealed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(zip, &zeros{256 << 20}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(zip.Close(), w.sealed.Close()); err != nil {
		t.Fatal(err)
	}
	size := file.Len()
	allocated := testing.AllocsPerRun(1, func() {
		if _, _, err := read(file.Bytes(), Key{Passphrase: passphrase}); !errors.Is(err, ErrFormat) && !errors.Is(err, ErrDamaged) {
			t.Errorf("got %v", err)
		}
	})
	t.Logf("%d bytes, %.0f allocations", size, allocated)
}

// What is written is read, whatever it is.
func TestAny(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(0, 30, 120)
		var all []Record
		all = append(all, &Account{Account: account(1), Device: 1, Manifest: []byte{1}, Discovery: identity.DiscoveryKey{1}, Name: name.Draw(t, "name")})
		for i := range rapid.IntRange(0, 5).Draw(t, "contacts") {
			all = append(all, &Contact{
				Account: account(byte(i + 2)), State: rapid.Uint8Range(2, 5).Draw(t, "state"), Alias: name.Draw(t, "alias"),
				Since: rapid.Uint64().Draw(t, "since"), Verified: rapid.Bool().Draw(t, "verified"),
			})
		}
		for i := range rapid.IntRange(0, 5).Draw(t, "messages") {
			all = append(all, &Item{Conversation: chat.Direct(account(2)), Item: text(byte(i+1), "x"+name.Draw(t, "text"))})
		}
		var out bytes.Buffer
		w := newRecords(&out)
		err := w.begin(day)
		for _, r := range all {
			err = errors.Join(err, w.Put(r))
		}
		_, end := w.end()
		if err := errors.Join(err, end); err != nil {
			t.Fatal(err)
		}
		p := newParser(&out)
		if err := p.begin(); err != nil {
			t.Fatal(err)
		}
		for _, want := range all {
			got, err := p.Next()
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatal(d)
			}
		}
		if _, err := p.Next(); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	})
}

func FuzzRecords(f *testing.F) {
	f.Add(plain(f, sample()))
	f.Add([]byte{1, 5, 0xa2, 1, 1, 2, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		p := newParser(bytes.NewReader(b))
		if p.begin() != nil {
			return
		}
		var out bytes.Buffer
		w := newRecords(&out)
		if err := w.begin(p.Summary().Made); err != nil {
			t.Fatal(err)
		}
		for {
			r, err := p.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return
			}
			if err := w.Put(r); err != nil {
				t.Fatalf("what was read is not written: %v", err)
			}
		}
		if _, err := w.end(); err != nil {
			t.Fatal(err)
		}
		if err := parseAll(out.Bytes()); err != nil {
			t.Fatalf("what was written is not read: %v", err)
		}
	})
}
