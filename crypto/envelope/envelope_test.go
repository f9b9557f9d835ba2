package envelope

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/internal/vectors"
	"github.com/linnetmesh/linnet/crypto/session"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

var (
	now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ada = Party{identity.Account{1: 0xad, 31: 1}, 1}
	ben = Party{identity.Account{1: 0xbe, 31: 1}, 2}
)

type tester interface {
	Helper()
	Fatalf(string, ...any)
}

func newSecret(t tester, b byte) Secret {
	t.Helper()
	s, err := ParseSecret(bytes.Repeat([]byte{b}, SecretSize))
	if err != nil {
		t.Fatalf("ParseSecret: %v", err)
	}
	return s
}

// inner returns what Ada writes to Ben.
func inner(f Form, message []byte) *Inner {
	return &Inner{Sender: ada, Head: identity.Head{Epoch: 1763726400, Version: 3, Hash: [32]byte{1}}, Kind: kindOf(f), Message: message}
}

// ends returns Ada's Sender and Ben's Receiver of a session that Ada opened.
func ends(t tester, s Secret) (*Sender, *Receiver) {
	t.Helper()
	out, err := NewSender(s, true, ada, ben, now)
	if err != nil {
		t.Fatalf("NewSender: %v", err)
	}
	in, err := NewReceiver(s, false, ben, ada)
	if err != nil {
		t.Fatalf("NewReceiver: %v", err)
	}
	return storedSender(t, out), storedReceiver(t, in)
}

func storedSender(t tester, s *Sender) *Sender {
	t.Helper()
	b := s.AppendTo(nil)
	next, err := ParseSender(b)
	if err != nil || !bytes.Equal(next.AppendTo(nil), b) {
		t.Fatalf("a stored sender does not come back: %v", err)
	}
	return next
}

func storedReceiver(t tester, r *Receiver) *Receiver {
	t.Helper()
	b := r.AppendTo(nil)
	next, err := ParseReceiver(b)
	if err != nil || !bytes.Equal(next.AppendTo(nil), b) {
		t.Fatalf("a stored receiver does not come back: %v", err)
	}
	return next
}

// at returns an envelope of the given epoch, whatever the sender's clock says.
func at(t tester, s Secret, epoch uint32, message string) Sealed {
	t.Helper()
	sender, _ := ends(t, s)
	sender.key = sender.key.at(epoch)
	sealed, err := sender.seal(FormSession, inner(FormSession, []byte(message)), freshNonce())
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	return sealed
}

// TestConversation seals over random days with random acknowledgements, and opens in any order, with loss and restarts:
// as long as what lies on the way is not too old, it opens, for Ben and for nobody else.
func TestConversation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := newSecret(t, 7)
		sender, receiver := ends(t, secret)
		_, others := ends(t, newSecret(t, 8))
		clock := now
		type letter struct {
			sealed  Sealed
			message []byte
		}
		var wire []letter
		seen := map[string]bool{}
		for i := range rapid.IntRange(1, 150).Draw(t, "events") {
			clock = clock.Add(time.Duration(rapid.IntRange(-5, 60).Draw(t, "hours")) * time.Hour)
			if rapid.Bool().Draw(t, "send") {
				message := bytes.Repeat([]byte{byte(i)}, rapid.IntRange(0, 3000).Draw(t, "size"))
				next, sealed, err := sender.Seal(inner(FormSession, message), clock)
				if err != nil {
					t.Fatalf("Seal: %v", err)
				}
				if n := len(sealed.Bytes); n < MinSize || n > MaxSize || bits.OnesCount(uint(n)) != 1 {
					t.Fatalf("an envelope of %d bytes", n)
				}
				if nonce := string(sealed.Bytes[:headerSize]); seen[nonce] {
					t.Fatalf("tag and nonce come twice")
				} else {
					seen[nonce] = true
				}
				sender = storedSender(t, next)
				wire = append(wire, letter{sealed, message})
				continue
			}
			if len(wire) == 0 {
				continue
			}
			n := rapid.IntRange(0, len(wire)-1).Draw(t, "letter")
			l := wire[n]
			if _, _, err := others.Open(l.sealed.Bytes); !errors.Is(err, ErrTag) {
				t.Fatalf("another session opens it: %v", err)
			}
			next, got, err := receiver.Open(l.sealed.Bytes)
			if sender.Outdated(l.sealed.Epoch) {
				continue // it may be too old, and is sealed anew
			}
			if err != nil || !bytes.Equal(got.Message, l.message) || got.Epoch != l.sealed.Epoch || got.Sender != ada {
				t.Fatalf("envelope of epoch %d in epoch %d: %v", l.sealed.Epoch, sender.Epoch(), err)
			}
			reply, err := got.Ack.Acknowledge(NameOf(l.sealed.Bytes))
			if err != nil || l.sealed.Ack.Verify(NameOf(l.sealed.Bytes), reply[:]) != nil {
				t.Fatalf("the acknowledgement is another, %v", err)
			}
			receiver = storedReceiver(t, next)
			if rapid.Bool().Draw(t, "acknowledge") {
				sender = storedSender(t, sender.Acknowledged(got.Epoch))
			}
		}
		if first, last := receiver.Epochs(); sender.Epoch() < first || sender.Epoch() > last {
			t.Fatalf("the sender is in epoch %d, the receiver opens %d to %d", sender.Epoch(), first, last)
		}
	})
}

// TestWindow holds which epochs open, to the epoch.
func TestWindow(t *testing.T) {
	secret := newSecret(t, 7)
	_, fresh := ends(t, secret)
	later, _, err := fresh.Open(at(t, secret, EpochsAhead, "x").Bytes)
	if err != nil {
		t.Fatal(err)
	}
	latest, _, err := later.Open(at(t, secret, 2*EpochsAhead, "x").Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		r     *Receiver
		epoch uint32
		want  error
	}{
		{"fresh, first", fresh, 0, nil},
		{"fresh, last", fresh, EpochsAhead, nil},
		{"fresh, beyond", fresh, EpochsAhead + 1, ErrTag},
		{"later, first", later, 1, nil},
		{"later, before", later, 0, ErrTag},
		{"later, highest", later, EpochsAhead, nil},
		{"later, last", later, 2 * EpochsAhead, nil},
		{"later, beyond", later, 2*EpochsAhead + 1, ErrTag},
		{"latest, first", latest, 2*EpochsAhead - EpochsBack, nil},
		{"latest, before", latest, 2*EpochsAhead - EpochsBack - 1, ErrTag},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sealed := at(t, secret, tt.epoch, "x")
			if _, _, err := storedReceiver(t, tt.r).Open(sealed.Bytes); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			tag, err := TagOf(sealed.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := tt.r.OpenAt(Tagged{tag, FormSession, tt.epoch}, sealed.Bytes); !errors.Is(err, tt.want) {
				t.Errorf("OpenAt: got %v, want %v", err, tt.want)
			}
			if _, _, err := tt.r.OpenAt(Tagged{tag, FormSession, tt.epoch + 1}, sealed.Bytes); !errors.Is(err, ErrTag) {
				t.Errorf("OpenAt of another epoch: got %v", err)
			}
			listed := slices.Contains(tt.r.Tags(), Tagged{tag, FormSession, tt.epoch})
			if listed != (tt.want == nil) {
				t.Errorf("listed among the tags: %v", listed)
			}
		})
	}
	seen := map[Tag]bool{}
	for _, tagged := range latest.Tags() {
		if seen[tagged.Tag] {
			t.Errorf("tag of epoch %d comes twice", tagged.Epoch)
		}
		seen[tagged.Tag] = true
	}
	if n := len(seen); n != 2*(EpochsBack+1+EpochsAhead) {
		t.Errorf("%d tags", n)
	}
}

// TestDirections holds that what one side sends, it cannot be made to receive.
func TestDirections(t *testing.T) {
	secret := newSecret(t, 7)
	sender, _ := ends(t, secret)
	_, sealed, err := sender.Seal(inner(FormSession, nil), now)
	if err != nil {
		t.Fatal(err)
	}
	own, err := NewReceiver(secret, true, ada, ben)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := own.Open(sealed.Bytes); !errors.Is(err, ErrTag) {
		t.Errorf("got %v, want %v", err, ErrTag)
	}
}

// TestEpochs holds when a sender goes on to the next epoch.
func TestEpochs(t *testing.T) {
	sender, _ := ends(t, newSecret(t, 7))
	seal := func(at time.Time) uint32 {
		t.Helper()
		next, sealed, err := sender.Seal(inner(FormSession, nil), at)
		if err != nil {
			t.Fatal(err)
		}
		sender = storedSender(t, next)
		return sealed.Epoch
	}
	for _, tt := range []struct {
		name string
		at   time.Time
		want uint32
	}{
		{"at once", now, 0},
		{"just before a day", now.Add(EpochTime - time.Millisecond), 0},
		{"a day", now.Add(EpochTime), 1},
		{"at once again", now.Add(EpochTime), 1},
		{"fifty years on: one at a time", now.AddDate(50, 0, 0), 2},
		{"and back: no further", now.AddDate(0, 0, 3), 2},
		{"but a day later", now.AddDate(0, 0, 4), 3},
		{"before 1970", time.Unix(-1e9, 0), 3},
	} {
		if got := seal(tt.at); got != tt.want {
			t.Errorf("%s: epoch %d, want %d", tt.name, got, tt.want)
		}
	}

	sender, _ = ends(t, newSecret(t, 7))
	for day := range 100 {
		seal(now.AddDate(0, 0, day))
	}
	if got := sender.Epoch(); got != MaxUnacknowledged {
		t.Errorf("a hundred days without an acknowledgement: epoch %d, want %d", got, MaxUnacknowledged)
	}
	if !sender.Outdated(0) || sender.Outdated(1) || sender.Outdated(MaxUnacknowledged) {
		t.Error("wrong envelopes are outdated")
	}
	sender = sender.Acknowledged(1).Acknowledged(0).Acknowledged(1)
	seal(now.AddDate(1, 0, 0))
	seal(now.AddDate(2, 0, 0))
	if got := sender.Epoch(); got != MaxUnacknowledged+1 {
		t.Errorf("after epoch 1 was acknowledged: epoch %d, want %d", got, MaxUnacknowledged+1)
	}
	if got := sender.Acknowledged(99); got.acknowledged != sender.Epoch() {
		t.Errorf("an acknowledgement of an epoch that was not yet counts as %d", got.acknowledged)
	}
}

// TestWeak holds that weak updates change nothing on either side.
func TestWeak(t *testing.T) {
	sender, receiver := ends(t, newSecret(t, 7))
	sealed, err := sender.SealWeak(inner(FormWeak, []byte("typing")), now)
	if err != nil {
		t.Fatal(err)
	}
	next, got, err := receiver.Open(sealed.Bytes)
	if err != nil || string(got.Message) != "typing" || !got.Ack.IsZero() || !sealed.Ack.IsZero() || len(sealed.Bytes) != MinSize {
		t.Fatalf("got %+v, %v", got, err)
	}
	if next != receiver {
		t.Error("a weak update changes the receiver")
	}
	tomorrow, err := sender.SealWeak(inner(FormWeak, nil), now.Add(EpochTime))
	if err != nil || tomorrow.Epoch != 1 || sender.Epoch() != 0 {
		t.Errorf("a day later: epoch %d, the sender is in %d, %v", tomorrow.Epoch, sender.Epoch(), err)
	}
	if _, err := (AckKey{}).Acknowledge(Name{}); !errors.Is(err, ErrKey) {
		t.Errorf("no key acknowledges: %v", err)
	}
	byZeros := identity.LabelAck.MAC(make([]byte, 32), make([]byte, NameSize))
	if err := sealed.Ack.Verify(Name{}, byZeros[:]); !errors.Is(err, ErrAck) {
		t.Errorf("no key verifies: %v", err)
	}
}

// TestSizes holds what PROTOCOL.md says fits into which envelope.
func TestSizes(t *testing.T) {
	sender, _ := ends(t, newSecret(t, 7))
	key := GenerateKey().Public()
	for f, most := range map[Form]map[int]int{
		FormSession: {512: 382, 1024: 894, 65536: 65406},
		FormOpening: {2048: 818, 4096: 2866, 65536: 64306},
	} {
		for size, n := range most {
			for _, tt := range []struct{ n, want int }{{n, size}, {n + 1, 2 * size}} {
				var sealed Sealed
				var err error
				if f == FormSession {
					_, sealed, err = sender.Seal(inner(f, make([]byte, tt.n)), now)
				} else {
					sealed, err = SealOpening(key, ben, inner(f, make([]byte, tt.n)))
				}
				if tt.want > MaxSize {
					if !errors.Is(err, ErrSize) {
						t.Errorf("%v, message of %d bytes: got %v, want %v", f, tt.n, err, ErrSize)
					}
				} else if err != nil || len(sealed.Bytes) != tt.want {
					t.Errorf("%v, message of %d bytes: envelope of %d, want %d (%v)", f, tt.n, len(sealed.Bytes), tt.want, err)
				}
			}
		}
	}
}

// TestFirstMessageSize holds the size of a first message with everything that it tells a stranger.
func TestFirstMessageSize(t *testing.T) {
	key := GenerateKey().Public()
	for _, tt := range []struct{ devices, want int }{{1, 4096}, {8, 8192}} {
		account := identity.NewSeed()
		devices := make([]identity.Device, tt.devices)
		var steward xeddsa.PrivateKey
		for i := range devices {
			k := xeddsa.GenerateKey()
			d, err := identity.NewDevice(account.Account().Public(), uint8(i+1), k, now)
			if err != nil {
				t.Fatal(err)
			}
			devices[i], steward = d, k
		}
		epoch, err := account.Account().NewEpoch(0, now, devices...)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := epoch.Begin(steward, now, devices...)
		if err != nil {
			t.Fatal(err)
		}
		in := inner(FormOpening, make([]byte, 1779+6+64)) // see crypto/session: a text of 63 bytes
		in.Head, in.Seen, in.Manifest = manifest.Head(), &identity.Head{Epoch: epoch.Epoch()}, manifest.AppendTo(nil)
		in.Address = identity.Address{Account: account.Account().Public(), Discovery: account.DiscoveryRoot(0).Key(0).Public()}.String()
		sealed, err := SealOpening(key, ben, in)
		if err != nil || len(sealed.Bytes) != tt.want {
			t.Errorf("%d devices: %d bytes, %v, want %d", tt.devices, len(sealed.Bytes), err, tt.want)
		}
		if _, err := identity.ParseAddress(in.Address); err != nil {
			t.Error(err)
		}
	}
}

func TestOpening(t *testing.T) {
	key, other := GenerateKey(), GenerateKey()
	in := inner(FormOpening, []byte("first"))
	in.Seen = &identity.Head{Epoch: 1, Version: 1}
	in.Address, in.Manifest = "linnet1…", identity.Raw{0xa0}
	sealed, err := SealOpening(key.Public(), ben, in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenOpening(key, ben, sealed.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, got.Inner); diff != "" {
		t.Errorf("the inner header differs (-want +got):\n%s", diff)
	}
	name := NameOf(sealed.Bytes)
	reply, err := got.Ack.Acknowledge(name)
	if err != nil || sealed.Ack.Verify(name, reply[:]) != nil {
		t.Errorf("the acknowledgement is another, %v", err)
	}
	if err := sealed.Ack.Verify(Name{1}, reply[:]); !errors.Is(err, ErrAck) {
		t.Errorf("of another envelope: %v", err)
	}
	reply[0] ^= 1
	if err := sealed.Ack.Verify(name, reply[:]); !errors.Is(err, ErrAck) {
		t.Errorf("flipped: %v", err)
	}
	flip := func(i int) []byte {
		b := bytes.Clone(sealed.Bytes)
		b[i] ^= 1
		return b
	}
	for _, tt := range []struct {
		name string
		key  PrivateKey
		to   Party
		b    []byte
		want error
	}{
		{"another key", other, ben, sealed.Bytes, ErrOpen},
		{"another account", key, Party{ada.Account, ben.Device}, sealed.Bytes, ErrOpen},
		{"another device", key, Party{ben.Account, 1}, sealed.Bytes, ErrOpen},
		{"no key", PrivateKey{}, ben, sealed.Bytes, ErrKey},
		{"nobody", key, Party{}, sealed.Bytes, ErrKey},
		{"flipped in the key", key, ben, flip(5), ErrOpen},
		{"flipped in the last byte", key, ben, flip(len(sealed.Bytes) - 1), ErrOpen},
		{"form of a session", key, ben, append([]byte{2}, sealed.Bytes[1:]...), ErrForm},
		{"unknown form", key, ben, append([]byte{9}, sealed.Bytes[1:]...), ErrForm},
		{"half", key, ben, sealed.Bytes[:1024], ErrForm},
		{"cut", key, ben, sealed.Bytes[:len(sealed.Bytes)-1], ErrSize},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := OpenOpening(tt.key, tt.to, tt.b); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestRefused has one fault per row, in an envelope of form 2.
func TestRefused(t *testing.T) {
	secret := newSecret(t, 7)
	sender, receiver := ends(t, secret)
	_, good, err := sender.Seal(inner(FormSession, []byte("x")), now)
	if err != nil {
		t.Fatal(err)
	}
	sealRaw := func(padded []byte, f Form) []byte {
		tag, key := sender.key.tag(f), sender.key.seal(f)
		b := append([]byte{byte(f)}, tag[:]...)
		b = append(b, make([]byte, nonceSize)...)
		return gcm(&key).Seal(b, b[1+tagSize:], padded, associated(b, ben))
	}
	body := func(in *Inner, f Form) []byte {
		b, err := in.marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		padded, err := pad(b, sessionOverhead)
		if err != nil {
			t.Fatal(err)
		}
		return padded
	}
	padding := body(inner(FormSession, []byte("x")), FormSession)
	padding[len(padding)-1] = 1
	long := body(inner(FormSession, []byte("x")), FormSession)
	long[0] = 0xff
	stranger := inner(FormSession, nil)
	stranger.Sender = ben
	newer := inner(FormSession, nil)
	newer.Unknown = "\x20\x00" // key -1: must be understood
	flip := func(i int) []byte {
		b := bytes.Clone(good.Bytes)
		b[i] ^= 1
		return b
	}
	for _, tt := range []struct {
		name string
		b    []byte
		want error
	}{
		{"empty", nil, ErrSize},
		{"cut", good.Bytes[:511], ErrSize},
		{"three halves", make([]byte, 768), ErrSize},
		{"oversize", make([]byte, 2*MaxSize), ErrSize},
		{"form 0", make([]byte, 512), ErrForm},
		{"form 4", append([]byte{4}, good.Bytes[1:]...), ErrForm},
		{"opening", append([]byte{1}, good.Bytes[1:]...), ErrForm},
		{"tag", flip(3), ErrTag},
		{"form of a weak update", append([]byte{3}, good.Bytes[1:]...), ErrTag},
		{"nonce", flip(12), ErrOpen},
		{"ciphertext", flip(200), ErrOpen},
		{"last byte", flip(511), ErrOpen},
		{"padding", sealRaw(padding, FormSession), ErrInner},
		{"length", sealRaw(long, FormSession), ErrInner},
		{"no body", sealRaw(make([]byte, 512-sessionOverhead), FormSession), identity.ErrMalformed},
		{"another sender", sealRaw(body(stranger, FormSession), FormSession), ErrInner},
		{"kind of a weak update", sealRaw(body(inner(FormWeak, nil), FormWeak), FormSession), ErrInner},
		{"a newer version", sealRaw(newerVersion(t), FormSession), identity.ErrNewer},
		{"something that must be understood", sealRaw(rawBody(t, newer), FormSession), identity.ErrNewer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := receiver.AppendTo(nil)
			if _, _, err := receiver.Open(tt.b); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if !bytes.Equal(receiver.AppendTo(nil), before) {
				t.Error("the receiver changed")
			}
		})
	}
	if _, _, err := receiver.Open(good.Bytes); err != nil {
		t.Errorf("the good one: %v", err)
	}
	for name, in := range map[string]*Inner{
		"no sender":      {Kind: session.KindSignal},
		"another's name": stranger,
		"wrong kind":     inner(FormOpening, nil),
		"an address":     {Sender: ada, Kind: session.KindSignal, Address: "linnet1…"},
		"a manifest":     {Sender: ada, Kind: session.KindSignal, Manifest: identity.Raw{0xa0}},
	} {
		if _, _, err := sender.Seal(in, now); !errors.Is(err, ErrInner) {
			t.Errorf("Seal, %s: got %v", name, err)
		}
	}
}

// rawBody returns a padded body with a pair of a negative key put behind the others.
func rawBody(t testing.TB, in *Inner) []byte {
	t.Helper()
	pair := string(in.Unknown)
	in.Unknown = ""
	b, err := in.marshal(FormSession)
	if err != nil {
		t.Fatal(err)
	}
	b[0]++ // one pair more in the map
	padded, err := pad(append(b, pair...), sessionOverhead)
	if err != nil {
		t.Fatal(err)
	}
	return padded
}

// newerVersion returns a padded body that has nothing but another version.
func newerVersion(t testing.TB) []byte {
	t.Helper()
	padded, err := pad([]byte{0xa1, 1, 2}, sessionOverhead)
	if err != nil {
		t.Fatal(err)
	}
	return padded
}

func TestZeroKeysRefuse(t *testing.T) {
	if _, err := NewSender(Secret{}, true, ada, ben, now); !errors.Is(err, ErrKey) {
		t.Errorf("NewSender: %v", err)
	}
	if _, err := NewReceiver(Secret{}, true, ada, ben); !errors.Is(err, ErrKey) {
		t.Errorf("NewReceiver: %v", err)
	}
	if _, err := NewReceiver(newSecret(t, 1), true, Party{}, ben); !errors.Is(err, ErrKey) {
		t.Errorf("NewReceiver for nobody: %v", err)
	}
	if _, err := SealOpening(PublicKey{}, ben, inner(FormOpening, nil)); !errors.Is(err, ErrKey) {
		t.Errorf("SealOpening: %v", err)
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := ParseSecret(make([]byte, n)); !errors.Is(err, ErrKey) {
			t.Errorf("secret of %d bytes: %v", n, err)
		}
		if _, err := ParsePrivateKey(make([]byte, n)); !errors.Is(err, ErrKey) {
			t.Errorf("private key of %d bytes: %v", n, err)
		}
	}
	if _, err := ParsePublicKey(make([]byte, PublicKeySize-1)); !errors.Is(err, ErrKey) {
		t.Errorf("short public key: %v", err)
	}
	if _, err := ParsePublicKey(bytes.Repeat([]byte{0xff}, PublicKeySize)); !errors.Is(err, ErrKey) {
		t.Errorf("public key above the modulus: %v", err)
	}
	if _, err := ParseAckKey(make([]byte, 31)); !errors.Is(err, ErrKey) {
		t.Errorf("short acknowledgement key: %v", err)
	}
	if a, err := ParseAckKey(bytes.Repeat([]byte{1}, 32)); err != nil || !a.Equal(a) || a.Equal(AckKey{}) || len(a.AppendTo(nil)) != 32 {
		t.Errorf("acknowledgement key: %v", err)
	}
	k := GenerateKey()
	if again, err := ParsePrivateKey(k.AppendTo(nil)); err != nil || !again.Equal(k) || k.Equal(GenerateKey()) || (PrivateKey{}).Equal(PrivateKey{}) {
		t.Errorf("a stored key does not come back: %v", err)
	}
	if s := NewSecret(); s.Equal(NewSecret()) || !s.Equal(s) || (Secret{}).Equal(Secret{}) {
		t.Error("Equal is wrong")
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	secret := newSecret(t, 0xab)
	s, r := ends(t, secret)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		want := "envelope.Secretenvelope.Senderenvelope.Receiverenvelope.PrivateKeyenvelope.AckKey"
		if out := fmt.Sprintf(verb+verb+verb+verb+verb, secret, *s, *r, GenerateKey(), AckKey{}); out != want {
			t.Errorf("%s prints %s", verb, out)
		}
		ack := AckKey{hide([32]byte(bytes.Repeat([]byte{0xab}, 32)))}
		known := &Sender{key: epochKey{1, ack.key}}
		seed, err := ParsePrivateKey(bytes.Repeat([]byte{0xab}, 32))
		if err != nil {
			t.Fatal(err)
		}
		out := fmt.Sprintf(verb, struct {
			s  Secret
			a  AckKey
			k  PrivateKey
			p  *Sender
			v  Sender
			l  []*Sender
			m  map[int]*Receiver
			se Sealed
		}{secret, ack, seed, known, *known, []*Sender{known}, map[int]*Receiver{1: {low: known.key}}, Sealed{Ack: ack}})
		for _, leak := range []string{"abab", "171 171", `\xab\xab`, "ab, 0xab", "0xab"} {
			if strings.Contains(out, leak) {
				t.Errorf("%s prints %s", verb, out)
			}
		}
	}
}

var update = flag.Bool("update", false, "write testdata/envelope.json anew: only for a new version of the protocol")

// recording is the vectors that other implementations can use.
type recording struct {
	Secret vectors.Hex
	Epochs []struct {
		Direction byte // 0 from the initiator, 1 to it
		Epoch     uint32
		Key       vectors.Hex
		// Of form 2 and form 3.
		Tag, Seal, WeakTag, WeakSeal vectors.Hex
	}
	Envelopes []struct {
		Form                      Form
		PrivateKey                vectors.Hex // of form 1
		RecipientAccount          vectors.Hex
		RecipientDevice           uint8
		Epoch                     uint32
		Envelope, Body, Name, Ack vectors.Hex
	}
}

// TestVectors holds keys, tags, seals and acknowledgements to the recorded ones.
func TestVectors(t *testing.T) {
	const file = "testdata/envelope.json"
	secret := newSecret(t, 7)
	if *update {
		record(t, file, secret)
	}
	var rec recording
	vectors.Read(file, &rec)
	if len(rec.Epochs) == 0 || len(rec.Envelopes) < 3 {
		t.Fatal("no vectors")
	}
	secret, err := ParseSecret(rec.Secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range rec.Epochs {
		k := firstEpoch(secret, e.Direction).at(e.Epoch)
		tag, weakTag, seal, weakSeal := k.tag(FormSession), k.tag(FormWeak), k.seal(FormSession), k.seal(FormWeak)
		for name, pair := range map[string][2][]byte{
			"key": {k.key()[:], e.Key}, "tag": {tag[:], e.Tag}, "weak tag": {weakTag[:], e.WeakTag},
			"seal": {seal[:], e.Seal}, "weak seal": {weakSeal[:], e.WeakSeal},
		} {
			if !bytes.Equal(pair[0], pair[1]) {
				t.Errorf("direction %d, epoch %d, %s: got %x, want %x", e.Direction, e.Epoch, name, pair[0], pair[1])
			}
		}
	}
	for i, e := range rec.Envelopes {
		recipient := Party{identity.Account(e.RecipientAccount), e.RecipientDevice}
		var got Opened
		if e.Form == FormOpening {
			key, err := ParsePrivateKey(e.PrivateKey)
			if err != nil {
				t.Fatal(err)
			}
			if got, err = OpenOpening(key, recipient, e.Envelope); err != nil {
				t.Fatalf("envelope %d: %v", i, err)
			}
		} else {
			r, err := NewReceiver(secret, false, recipient, ada)
			if err != nil {
				t.Fatal(err)
			}
			if _, got, err = r.Open(e.Envelope); err != nil {
				t.Fatalf("envelope %d: %v", i, err)
			}
		}
		body, err := got.marshal(e.Form)
		if err != nil || !bytes.Equal(body, e.Body) || got.Epoch != e.Epoch {
			t.Errorf("envelope %d: got %x of epoch %d, %v, want %x of epoch %d", i, body, got.Epoch, err, e.Body, e.Epoch)
		}
		name := NameOf(e.Envelope)
		if err := got.Ack.Verify(name, e.Ack); !bytes.Equal(name[:], e.Name) || (err == nil) == (e.Form == FormWeak) {
			t.Errorf("envelope %d: name %x, acknowledgement %v", i, name, err)
		}
	}
}

func record(t *testing.T, file string, secret Secret) {
	t.Helper()
	rec := recording{Secret: secret.AppendTo(nil)}
	for d := range byte(2) {
		for _, epoch := range []uint32{0, 1, 45} {
			k := firstEpoch(secret, d).at(epoch)
			tag, weakTag, seal, weakSeal := k.tag(FormSession), k.tag(FormWeak), k.seal(FormSession), k.seal(FormWeak)
			rec.Epochs = append(rec.Epochs, struct {
				Direction                    byte
				Epoch                        uint32
				Key                          vectors.Hex
				Tag, Seal, WeakTag, WeakSeal vectors.Hex
			}{d, epoch, k.key()[:], tag[:], seal[:], weakTag[:], weakSeal[:]})
		}
	}
	add := func(f Form, key vectors.Hex, in *Inner, s Sealed, err error) {
		if err != nil {
			t.Fatal(err)
		}
		body, err := in.marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		name := NameOf(s.Bytes)
		var ack [AckSize]byte
		if f != FormWeak {
			if ack, err = s.Ack.Acknowledge(name); err != nil {
				t.Fatal(err)
			}
		}
		rec.Envelopes = append(rec.Envelopes, struct {
			Form                      Form
			PrivateKey                vectors.Hex
			RecipientAccount          vectors.Hex
			RecipientDevice           uint8
			Epoch                     uint32
			Envelope, Body, Name, Ack vectors.Hex
		}{f, key, ben.Account[:], ben.Device, s.Epoch, s.Bytes, body, name[:], ack[:]})
	}
	seed := bytes.Repeat([]byte{9}, PrivateKeySize)
	key, err := ParsePrivateKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	opening := inner(FormOpening, []byte("stands for a PreKeySignalMessage"))
	opening.Seen, opening.Address, opening.Manifest = &identity.Head{Epoch: 1}, "linnet1…", identity.Raw{0xa0}
	sealed, err := SealOpening(key.Public(), ben, opening)
	add(FormOpening, seed, opening, sealed, err)
	sender, _ := ends(t, secret)
	sender.key = sender.key.at(3)
	in := inner(FormSession, []byte("stands for a SignalMessage"))
	sealed, err = sender.seal(FormSession, in, [nonceSize]byte{1, 2, 3})
	sealed.Ack = sender.key.ack(sealed.Bytes[:headerSize])
	add(FormSession, nil, in, sealed, err)
	in = inner(FormWeak, []byte("stands for a weak update"))
	sealed, err = sender.seal(FormWeak, in, [nonceSize]byte{4, 5, 6})
	add(FormWeak, nil, in, sealed, err)
	vectors.Write(file, rec)
}

func FuzzOpen(f *testing.F) {
	secret := newSecret(f, 7)
	sender, receiver := ends(f, secret)
	_, sealed, err := sender.Seal(inner(FormSession, []byte("hi")), now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed.Bytes)
	key := GenerateKey()
	opening, err := SealOpening(key.Public(), ben, inner(FormOpening, []byte("hi")))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(opening.Bytes)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = OpenOpening(key, ben, b)
		if next, _, err := receiver.Open(b); err == nil {
			storedReceiver(t, next)
		}
	})
}

func FuzzParseInner(f *testing.F) {
	for _, form := range []Form{FormOpening, FormSession, FormWeak} {
		b, err := inner(form, []byte("hi")).marshal(form)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, form := range []Form{FormOpening, FormSession, FormWeak} {
			in, err := parseInner(b, form)
			if err != nil {
				continue
			}
			if again, err := in.marshal(form); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%x is written %x, %v", b, again, err)
			}
		}
	})
}

func FuzzParseState(f *testing.F) {
	s, r := ends(f, newSecret(f, 7))
	f.Add(s.AppendTo(nil))
	f.Add(r.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseSender(b); err == nil && !bytes.Equal(s.AppendTo(nil), b) {
			t.Errorf("sender %x is written %x", b, s.AppendTo(nil))
		}
		if r, err := ParseReceiver(b); err == nil && !bytes.Equal(r.AppendTo(nil), b) {
			t.Errorf("receiver %x is written %x", b, r.AppendTo(nil))
		}
	})
}
