package mailbox

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/linnetmesh/linnet/crypto/identity"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/wire.txt anew: a change there is a new protocol")

// fixed returns n bytes that rise from first.
func fixed(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// TestGolden pins the bytes of what travels, and of what is MACed and hashed. A change here is a new protocol.
func TestGolden(t *testing.T) {
	box, name, relay := BoxID(fixed(1, 32)), Name(fixed(33, 32)), identity.TransportKey(fixed(65, 32))
	secret, err := ParseSecret(fixed(97, 32))
	if err != nil {
		t.Fatal(err)
	}
	token := Token{ID: TokenID(fixed(1, 16)), Class: Class(fixed(17, 8)), Until: 1_800_000_000, Posts: 5, Bytes: 6}
	token.mac = secret.Mint(relay, box).mac(token)
	capability := Capability{ID: TokenID(fixed(1, 16)), Until: 1_800_000_000}
	capability.mac = secret.Mint(relay, box).macReader(capability)
	leaf := leafOf(box, name, 1024, 1_800_000_000)
	var cursor [CursorSize]byte
	copy(cursor[:], fixed(1, CursorSize))
	chain := Chain{}.Next(1, name)
	work := &workBody{Challenge: challenge([]byte("key"), box, 16, 1000), Nonce: [8]byte(fixed(1, 8))}
	sum := workSum(work.Challenge, box, &name, work.Nonce)
	part := workSum(work.Challenge, box, nil, work.Nonce)
	node := nodeOf(leaf[:], leaf[:])
	item := itemBody{Name: name, Seq: 7, Size: 512, Token: token.ID}
	lines := []struct {
		name string
		b    []byte
	}{
		{"token", token.AppendTo(nil)},
		{"capability", capability.AppendTo(nil)},
		{"leaf", leaf[:]},
		{"node", node[:]},
		{"chain", chain[:]},
		{"work for a post", sum[:]},
		{"work for a part", part[:]},
		{"hello", packetOf(verbHello, 0, helloHead{Nonce: [32]byte(fixed(1, 32)), Draining: true})},
		{"notice", packetOf(verbNotice, 0, noticeHead{Draining: true})},
		{"refused", packetOf(verbRefused, 258, refusedHead{Code: 43, Retry: 60, Bits: 18})},
		{"done", packetOf(verbDone, 1, nil)},
		{"own", packetOf(verbOwn, 1, ownHead{Box: box})},
		{"open", packetOf(verbOpen, 2, openHead{Box: box, Kind: 2, Secret: secret.b, Closed: true})},
		{"opened", packetOf(verbDone, 2, openedHead{true, cursor, 1, 2, 3, 4, 5, 6, 7, 8, true, 9, ""})},
		{"close", packetOf(verbClose, 3, boxHead{Box: box})},
		{"revoke", packetOf(verbRevoke, 3, revokeHead{Box: box, List: []revokedBody{{ID: token.ID, Until: 9}}})},
		{"put with a token", packetOf(verbPut, 4, putHead{Box: box, Token: tokenBytes(token)}, []byte("post"))},
		{"put with work", packetOf(verbPut, 4, putHead{Box: box, Work: work}, []byte("post"))},
		{"kept", packetOf(verbDone, 4, keptHead{Until: 1_800_000_000, Proof: fixed(0, 68)})},
		{"challenge", packetOf(verbDone, 5, challengeHead{Challenge: work.Challenge, Bits: 16})},
		{"fetch", packetOf(verbFetch, 6, fetchHead{box, cursor, true, window, capabilityBytes(capability), ""})},
		{"credit", packetOf(verbCredit, 6, creditHead{Bytes: 1024})},
		{"stop", packetOf(verbStop, 6, nil)},
		{"posts", packetOf(verbPosts, 6, postsHead{[]itemBody{item}, true, true, cursor, ""}, []byte("post"))},
		{"list", packetOf(verbList, 7, listHead{Box: box, After: 8})},
		{"listed", packetOf(verbDone, 7, listedHead{Items: []itemBody{item}, Cursor: cursor})},
		{"get", packetOf(verbGet, 8, getHead{Box: box, Name: name})},
		{"put bundle", packetOf(verbPutBundle, 9, putBundleHead{Box: box, Version: 1, Base: 4, Part: 2}, []byte("base"), []byte("p1p2"))},
		{"take bundle", packetOf(verbTakeBundle, 9, takeBundleHead{Box: box, Token: tokenBytes(token)})},
		{"bundle", packetOf(verbDone, 9, bundleHead{Base: 4}, []byte("basepart"))},
		{"leave", packetOf(verbLeave, 10, leaveHead{Box: box, First: true, Last: true})},
		{"descriptor", packetOf(verbDescriptor, 11, descriptorHead{Key: PlaceKey(fixed(1, 32))})},
		{"put weak", packetOf(verbPutWeak, 12, putWeakHead{Box: box, Token: tokenBytes(token)}, []byte("weak"))},
		{"listen weak", packetOf(verbListenWeak, 13, listenWeakHead{Box: box, Ring: 1, Seq: 2})},
		{"weak", packetOf(verbWeak, 13, weakHead{Ring: 1, Items: []weakBody{{Seq: 2, Size: 4, Token: token.ID}}}, []byte("weak"))},
		{"time", packetOf(verbTime, 14, timeHead{Nonce: [32]byte(fixed(1, 32))})},
		{"told", packetOf(verbDone, 14, toldHead{Time: 1_800_000_000_000})},
	}
	var got strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&got, "%s: %s\n", l.name, hex.EncodeToString(l.b))
	}
	const file = "testdata/wire.txt"
	if *rewrite {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := strings.Split(string(want), "\n")
	for i, g := range strings.Split(got.String(), "\n") {
		if i >= len(w) || g != w[i] {
			t.Errorf("line %d is %s", i+1, g)
		}
	}
}

// heads returns what the head of a packet may be read into.
func heads(v verb) []any {
	switch v {
	case verbHello:
		return []any{&helloHead{}}
	case verbNotice:
		return []any{&noticeHead{}}
	case verbRefused:
		return []any{&refusedHead{}}
	case verbPosts:
		return []any{&postsHead{}}
	case verbWeak:
		return []any{&weakHead{}}
	case verbDone:
		return []any{&openedHead{}, &keptHead{}, &challengeHead{}, &listedHead{}, &itemBody{}, &bundleHead{}, &toldHead{}}
	case verbOwn:
		return []any{&ownHead{}}
	case verbOpen:
		return []any{&openHead{}}
	case verbRevoke:
		return []any{&revokeHead{}}
	case verbPut:
		return []any{&putHead{}}
	case verbFetch:
		return []any{&fetchHead{}}
	case verbCredit:
		return []any{&creditHead{}}
	case verbList:
		return []any{&listHead{}}
	case verbGet:
		return []any{&getHead{}}
	case verbPutBundle:
		return []any{&putBundleHead{}}
	case verbTakeBundle:
		return []any{&takeBundleHead{}}
	case verbLeave:
		return []any{&leaveHead{}}
	case verbDescriptor:
		return []any{&descriptorHead{}}
	case verbPutWeak:
		return []any{&putWeakHead{}}
	case verbListenWeak:
		return []any{&listenWeakHead{}}
	case verbTime:
		return []any{&timeHead{}}
	default:
		return []any{&boxHead{}}
	}
}

// FuzzPacket holds that no packet, of client or relay, breaks its reader, and that what is read is written alike.
func FuzzPacket(f *testing.F) {
	golden, err := os.ReadFile("testdata/wire.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		_, text, _ := strings.Cut(strings.TrimSpace(line), ": ")
		b, err := hex.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePacket(b)
		if err != nil {
			return
		}
		for _, h := range heads(p.verb) {
			if p.read(h) != nil {
				continue
			}
			if again := packetOf(p.verb, p.id, reflect.ValueOf(h).Elem().Interface(), p.tail); !bytes.Equal(again, b) {
				t.Errorf("%x is written as %x", b, again)
			}
			switch h := h.(type) {
			case *postsHead:
				if posts, _, ok := readPage(h, p.tail, Cursor{}); ok {
					for _, post := range posts {
						if NameOf(post.Bytes) != post.Name {
							t.Error("a post does not fit its name")
						}
					}
				}
			case *putBundleHead:
				if bundle, err := parseBundle(h, p.tail); err == nil && len(bundle.Base)+len(bundle.Parts)*int(h.Part) != len(p.tail) {
					t.Error("a bundle of another size")
				}
			case *keptHead:
				r := Receipt{}
				_ = r.verify(h.Proof)
			}
		}
		_, _ = ParseToken(b)
		_, _ = ParseReceipt(b)
		if len(p.tail) == leftSize {
			_, _ = parseDescriptor(PlaceKey(p.tail[:32]), p.tail[32:])
		}
	})
}
