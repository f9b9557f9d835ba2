package sframe

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write testdata/linnet.json anew")

var allSuites = []Suite{
	AES128CTR80, AES128CTR64, AES128CTR32, AES128GCM, AES256GCM, AES256CTR80, AES256CTR64, AES256CTR32,
}

func pair(tb testing.TB, suite Suite, kid uint64) (*Sender, *Receiver) {
	tb.Helper()
	s, err := NewSender(suite, kid)
	if err != nil {
		tb.Fatal(err)
	}
	r := new(Receiver)
	if err := r.Add(s.Key()); err != nil {
		tb.Fatal(err)
	}
	return s, r
}

func seal(tb rapid.TB, s *Sender, frame, metadata []byte) []byte {
	tb.Helper()
	sealed, err := s.Seal(nil, frame, metadata)
	if err != nil {
		tb.Fatal(err)
	}
	return sealed
}

// TestGolden keeps the form of sealed frames where the official vectors, which have one KID and one CTR, do not look:
// at the edges of header and window, at empty and at long frames. A change here is a new protocol.
func TestGolden(t *testing.T) {
	type frame struct {
		CTR      uint64   `json:"ctr"`
		Metadata hexBytes `json:"metadata"`
		Frame    hexBytes `json:"frame"`
		Sealed   hexBytes `json:"sealed"`
	}
	type stream struct {
		Suite  Suite    `json:"suite"`
		KID    uint64   `json:"kid"`
		Key    hexBytes `json:"key"`
		Frames []frame  `json:"frames"`
	}
	var got []stream
	for i, suite := range allSuites {
		kid := []uint64{0, 7, 8, 0x123, 5, math.MaxUint64, 1 << 32, 255}[i]
		key := makeKey(suite, kid, counting(newBaseKey+i))
		st := stream{Suite: suite, KID: kid, Key: key.AppendTo(nil)}
		for _, f := range []struct {
			ctr            uint64
			metadata, size int
		}{
			{0, 0, 0},
			{1, 0, 1},
			{7, 3, 16},
			{8, 0, 100},
			{256, 40, 60},
			{65536, 0, shortFrame},
			{1 << 40, 1, shortFrame + 1},
			{math.MaxUint64, 0, 33},
		} {
			s, err := newSender(key, f.ctr)
			if err != nil {
				t.Fatal(err)
			}
			g := frame{CTR: f.ctr, Metadata: counting(f.metadata), Frame: bytes.Repeat([]byte{byte(f.size)}, f.size)}
			g.Sealed = seal(t, s, g.Frame, g.Metadata)
			st.Frames = append(st.Frames, g)
		}
		got = append(got, st)
	}
	if *update {
		b, err := json.MarshalIndent(got, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("testdata", "linnet.json"), append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var want []stream
	readJSON(t, "linnet.json", &want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnyOrderOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		suite := rapid.SampledFrom(allSuites).Draw(t, "suite")
		s, err := NewSender(suite, genNumber().Draw(t, "KID"))
		if err != nil {
			t.Fatal(err)
		}
		var r Receiver
		if err := r.Add(s.Key()); err != nil {
			t.Fatal(err)
		}
		metadata := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "metadata")
		frames := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 2*shortFrame), 1, 20).Draw(t, "frames")
		order := make([]int, len(frames))
		var sealed [][]byte
		for i, frame := range frames {
			order[i] = i
			sealed = append(sealed, seal(t, s, frame, metadata))
		}
		for _, i := range rapid.Permutation(order).Draw(t, "order") {
			for range rapid.IntRange(0, 2).Draw(t, "forgeries") {
				forged := bytes.Clone(sealed[i])
				forged[len(forged)-1] ^= 1
				if _, _, err := r.Open(nil, forged, metadata); !errors.Is(err, ErrOpen) {
					t.Fatalf("frame %d forged: %v", i, err)
				}
			}
			got, h, err := r.Open([]byte("before"), sealed[i], metadata)
			if err != nil || string(got) != "before"+string(frames[i]) {
				t.Fatalf("frame %d: Open = %x, %v; want %x", i, got, err, frames[i])
			}
			if want := (Header{KID: s.Key().KID(), CTR: uint64(i)}); h != want {
				t.Fatalf("frame %d: header %+v, want %+v", i, h, want)
			}
			if _, _, err := r.Open(nil, sealed[i], metadata); !errors.Is(err, ErrReplay) {
				t.Fatalf("frame %d again: %v", i, err)
			}
		}
		for i := range sealed {
			if _, _, err := r.Open(nil, sealed[i], metadata); !errors.Is(err, ErrReplay) {
				t.Fatalf("frame %d again at the end: %v", i, err)
			}
		}
	})
}

// TestEveryFlippedBit flips each bit of a sealed frame, and of its metadata, under each suite.
func TestEveryFlippedBit(t *testing.T) {
	metadata := []byte("metadata")
	for _, suite := range allSuites {
		for _, kid := range []uint64{0, 5, 8, 0x1234, math.MaxUint64} {
			s, r := pair(t, suite, kid)
			var sealed []byte
			for range 9 {
				sealed = seal(t, s, []byte("twenty bytes of a frame"), metadata)
			}
			for i := range 8 * len(sealed) {
				b := bytes.Clone(sealed)
				b[i/8] ^= 1 << (i % 8)
				if _, _, err := r.Open(nil, b, metadata); err == nil {
					t.Errorf("%v, KID %d: opens with bit %d flipped", suite, kid, i)
				}
			}
			for i := range 8 * len(metadata) {
				m := bytes.Clone(metadata)
				m[i/8] ^= 1 << (i % 8)
				if _, _, err := r.Open(nil, sealed, m); !errors.Is(err, ErrOpen) {
					t.Errorf("%v, KID %d: with bit %d of the metadata flipped: %v", suite, kid, i, err)
				}
			}
			for n := range sealed {
				if _, _, err := r.Open(nil, sealed[:n], metadata); err == nil {
					t.Errorf("%v, KID %d: opens when cut to %d bytes", suite, kid, n)
				}
			}
			if _, _, err := r.Open(nil, sealed, metadata); err != nil {
				t.Errorf("%v, KID %d: after all that: %v", suite, kid, err)
			}
		}
	}
}

func TestFlippedBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := NewSender(rapid.SampledFrom(allSuites).Draw(t, "suite"), genNumber().Draw(t, "KID"))
		if err != nil {
			t.Fatal(err)
		}
		var r Receiver
		if err := r.Add(s.Key()); err != nil {
			t.Fatal(err)
		}
		sealed := seal(t, s, rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "frame"), nil)
		i := rapid.IntRange(0, 8*len(sealed)-1).Draw(t, "bit")
		sealed[i/8] ^= 1 << (i % 8)
		if _, _, err := r.Open(nil, sealed, nil); err == nil {
			t.Fatalf("opens with bit %d flipped", i)
		}
		sealed[i/8] ^= 1 << (i % 8)
		if _, _, err := r.Open(nil, sealed, nil); err != nil {
			t.Fatalf("after that: %v", err)
		}
	})
}

// nonces returns an AEAD that notes the nonces it is called with.
type nonces struct {
	cipher.AEAD
	seen map[string]int
}

func (n *nonces) Seal(dst, nonce, plaintext, aad []byte) []byte {
	n.seen[string(nonce)]++
	return n.AEAD.Seal(dst, nonce, plaintext, aad)
}

// TestNoNonceTwice mixes good calls with refused ones, through copies of the Sender, up to the end of its counters.
func TestNoNonceTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		calls := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 60).Draw(t, "calls")
		left := rapid.IntRange(0, 40).Draw(t, "counters left") // and one more, the last
		start := rapid.SampledFrom([]uint64{0, 250, 1<<32 - 5, math.MaxUint64 - uint64(left)}).Draw(t, "start")
		s, err := newSender(freshKey(rapid.SampledFrom(allSuites).Draw(t, "suite"), 1), start)
		if err != nil {
			t.Fatal(err)
		}
		n := &nonces{s.state.derived.aead, map[string]int{}}
		s.state.derived.aead = n
		copied := *s
		sealed := 0
		for _, call := range calls {
			var frame, metadata []byte
			by := s
			switch call {
			case 1:
				by = &copied
			case 2:
				frame = make([]byte, MaxFrame+1)
			case 3:
				metadata = make([]byte, MaxMetadata+1)
			}
			_, err := by.Seal(nil, frame, metadata)
			switch {
			case call >= 2:
				if !errors.Is(err, ErrTooLong) {
					t.Fatalf("too long: %v", err)
				}
			case start > math.MaxUint64-60 && sealed > left:
				if !errors.Is(err, ErrExhausted) {
					t.Fatalf("after the last counter: %v", err)
				}
			case err != nil:
				t.Fatal(err)
			default:
				sealed++
			}
		}
		if len(n.seen) != sealed {
			t.Fatalf("%d nonces for %d frames", len(n.seen), sealed)
		}
	})
}

func TestSenderByManyAtOnce(t *testing.T) {
	const callers, each = 8, 100
	for _, suite := range allSuites {
		s, r := pair(t, suite, 1)
		frame := []byte("said by many at once")
		out := make([][][]byte, callers)
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				for range each {
					b, err := s.Seal(nil, frame, []byte("m"))
					if err != nil {
						t.Error(err)
						return
					}
					out[i] = append(out[i], b)
				}
			})
		}
		wg.Wait()
		for _, all := range out {
			for _, b := range all {
				if got, _, err := r.Open(nil, b, []byte("m")); err != nil || !bytes.Equal(got, frame) {
					t.Fatalf("%v: Open = %q, %v", suite, got, err)
				}
			}
		}
	}
}

func TestSendersShareNothing(t *testing.T) {
	a, _ := pair(t, AES128GCM, 1)
	b, _ := pair(t, AES128GCM, 1)
	if a.Key().Equal(b.Key()) {
		t.Error("two Senders made the same key")
	}
	if n := len(a.Key().AppendTo(nil)); n != keyHead+newBaseKey {
		t.Errorf("a Sender's key takes %d bytes", n)
	}
}

// TestKeysDiffer derives from one base key under all suites and two KIDs: no two derived keys or salts are the same.
func TestKeysDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, suite := range allSuites {
		for _, kid := range []uint64{0, 1} {
			key, salt, err := makeKey(suite, kid, counting(32)).secret.keyAndSalt()
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range [][]byte{key[:16], salt} {
				if seen[string(b)] {
					t.Errorf("%v, KID %d: derived twice: %x", suite, kid, b)
				}
				seen[string(b)] = true
			}
		}
	}
}

func TestReceiverRefuses(t *testing.T) {
	const kid = 3
	metadata := []byte("metadata")
	for _, suite := range allSuites {
		s, _ := pair(t, suite, kid)
		earlier := seal(t, s, []byte("earlier"), metadata)
		for range Window - 1 {
			seal(t, s, nil, nil)
		}
		opened := seal(t, s, []byte("opened"), metadata)
		next := seal(t, s, []byte("next"), metadata)
		_, n, err := ParseHeader(next)
		if err != nil {
			t.Fatal(err)
		}
		other, err := newSender(freshKey(suite, kid), Window+2)
		if err != nil {
			t.Fatal(err)
		}

		for _, tt := range []struct {
			name     string
			sealed   []byte
			metadata []byte
			want     error
		}{
			{"nothing", nil, nil, ErrHeader},
			{"a header cut short", next[:1], metadata, ErrHeader},
			{"a header in another form", append([]byte{next[0]&0x0f | extended<<4, kid}, next[1:]...), metadata, ErrHeader},
			{"an unknown KID", append([]byte{next[0] + 1<<4}, next[1:]...), metadata, ErrNoKey},
			{"opened before", opened, metadata, ErrReplay},
			{"too old", earlier, metadata, ErrReplay},
			{"another counter", append(Header{kid, 1 << 20}.AppendTo(nil), next[n:]...), metadata, ErrOpen},
			{"another key", seal(t, other, []byte("next"), metadata), metadata, ErrOpen},
			{"no tag", next[:n], metadata, ErrOpen},
			{"a tag cut short", next[:n+suite.TagSize()-1], metadata, ErrOpen},
			{"one byte missing", next[:len(next)-1], metadata, ErrOpen},
			{"one byte more", append(next[:len(next):len(next)], 0), metadata, ErrOpen},
			{"no metadata", next, nil, ErrOpen},
			{"more metadata", next, []byte("metadata."), ErrOpen},
			{"metadata for frame", append(next[:n:n], append([]byte("metadata"), next[n:]...)...), nil, ErrOpen},
			{"metadata too long", next, make([]byte, MaxMetadata+1), ErrTooLong},
			{"frame too long", append(next[:n:n], make([]byte, MaxFrame+suite.TagSize()+1)...), metadata, ErrTooLong},
		} {
			t.Run(suite.String()+"/"+tt.name, func(t *testing.T) {
				var r Receiver
				if err := r.Add(s.Key()); err != nil {
					t.Fatal(err)
				}
				if _, _, err := r.Open(nil, opened, metadata); err != nil {
					t.Fatal(err)
				}
				before := r.keys[kid].seen
				dst := []byte("before")
				got, _, err := r.Open(dst, tt.sealed, tt.metadata)
				if !errors.Is(err, tt.want) || got != nil {
					t.Errorf("Open = %q, %v; want %v", got, err, tt.want)
				}
				if r.keys[kid].seen != before || string(dst) != "before" {
					t.Error("a refused frame left traces")
				}
				if got, _, err := r.Open(nil, next, metadata); err != nil || string(got) != "next" {
					t.Errorf("the next frame: Open = %q, %v", got, err)
				}
			})
		}
	}
}

func TestReceiverKeys(t *testing.T) {
	s, r := pair(t, AES128GCM, 0)
	first := seal(t, s, []byte("first"), nil)
	if _, _, err := r.Open(nil, first, nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Add(s.Key()); !errors.Is(err, ErrTaken) {
		t.Errorf("the same key again: %v, want %v", err, ErrTaken)
	}
	if _, _, err := r.Open(nil, first, nil); !errors.Is(err, ErrReplay) {
		t.Errorf("after the key was added again: %v, want %v", err, ErrReplay)
	}
	for kid := uint64(1); kid < MaxKeys; kid++ {
		if err := r.Add(freshKey(allSuites[kid%uint64(len(allSuites))], kid)); err != nil {
			t.Fatal(err)
		}
	}
	late, err := NewSender(AES256GCM, MaxKeys)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add(late.Key()); !errors.Is(err, ErrFull) {
		t.Errorf("one key too many: %v, want %v", err, ErrFull)
	}
	sealed := seal(t, late, []byte("late"), nil)
	if _, h, err := r.Open(nil, sealed, nil); !errors.Is(err, ErrNoKey) || h.KID != MaxKeys {
		t.Errorf("without its key: header %+v, %v; want %v", h, err, ErrNoKey)
	}
	r.Remove(7)
	if err := r.Add(late.Key()); err != nil {
		t.Fatal(err)
	}
	if got, _, err := r.Open(nil, sealed, nil); err != nil || string(got) != "late" {
		t.Errorf("with its key: %q, %v", got, err)
	}
	r.Remove(0)
	if _, _, err := r.Open(nil, seal(t, s, nil, nil), nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("after the key was removed: %v, want %v", err, ErrNoKey)
	}
}

func TestLongest(t *testing.T) {
	frame, metadata := make([]byte, MaxFrame), make([]byte, MaxMetadata)
	for _, suite := range allSuites {
		s, err := newSender(freshKey(suite, math.MaxUint64), math.MaxUint64)
		if err != nil {
			t.Fatal(err)
		}
		var r Receiver
		if err := r.Add(s.Key()); err != nil {
			t.Fatal(err)
		}
		sealed := seal(t, s, frame, metadata)
		if got, want := len(sealed), MaxHeader+MaxFrame+suite.TagSize(); got != want || suite.TagSize() > MaxTag {
			t.Errorf("%v: %d bytes, want %d", suite, got, want)
		}
		if got, _, err := r.Open(nil, sealed, metadata); err != nil || !bytes.Equal(got, frame) {
			t.Errorf("%v: %v", suite, err)
		}
	}
}

// TestCryptBothWays holds the two ways of making the key stream against each other, around the length where one takes
// over.
func TestCryptBothWays(t *testing.T) {
	block, err := aes.NewCipher(counting(16))
	if err != nil {
		t.Fatal(err)
	}
	a := newCTRHMAC(block, suites[AES128CTR80].hash, counting(32), 10)
	nonce := counting(nonceSize)
	for n := range 3 * shortFrame {
		src, got, want := counting(n), make([]byte, n), make([]byte, n)
		a.crypt(got, nonce, src)
		cipher.NewCTR(block, binary.BigEndian.AppendUint32(bytes.Clone(nonce), 0)).XORKeyStream(want, src)
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes differ", n)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	for _, suite := range allSuites {
		for _, metadata := range [][]byte{nil, []byte("metadata")} {
			s, r := pair(t, suite, 3)
			frame, sealed, opened := make([]byte, shortFrame), make([]byte, 0, 2*shortFrame), make([]byte, 0, 2*shortFrame)
			got := testing.AllocsPerRun(100, func() {
				b, err := s.Seal(sealed, frame, metadata)
				if err != nil {
					t.Fatal(err)
				}
				if _, _, err := r.Open(opened, b, metadata); err != nil {
					t.Fatal(err)
				}
			})
			if got != 0 {
				t.Errorf("%v: %v allocations", suite, got)
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	read := readVectors(f)
	all := append(read.SFrame, read.SFrame256...)
	for _, v := range all {
		f.Add(uint8(v.Suite), []byte(v.CT), []byte(v.Metadata))
		f.Add(uint8(v.Suite), []byte(v.CT[:len(v.CT)-1]), []byte(v.Metadata))
		f.Add(uint8(v.Suite), []byte(v.CT[:5]), []byte{})
	}
	f.Fuzz(func(t *testing.T, suite uint8, sealed, metadata []byte) {
		v := all[int(suite)%len(all)]
		key := makeKey(v.Suite, v.KID, v.BaseKey)
		var r Receiver
		if err := r.Add(key); err != nil {
			t.Fatal(err)
		}
		frame, h, err := r.Open(nil, sealed, metadata)
		if err != nil {
			if frame != nil {
				t.Fatalf("a frame with %v", err)
			}
			return
		}
		s, err := newSender(key, h.CTR)
		if err != nil {
			t.Fatal(err)
		}
		if again := seal(t, s, frame, metadata); !bytes.Equal(again, sealed) {
			t.Fatalf("%x opens, but is sealed as %x", sealed, again)
		}
		if _, _, err := r.Open(nil, sealed, metadata); !errors.Is(err, ErrReplay) {
			t.Fatalf("again: %v", err)
		}
	})
}
