package p2p

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-msgio"

	"github.com/linnetmesh/linnet/crypto/descriptor"
)

// A change here is a new protocol.
var goldenAsks = []struct {
	name string
	ask  ask
	hex  string
}{
	{"get", ask{verb: verbGet, key: "/linnet/ab"}, "01" + "0a" + "2f6c696e6e65742f6162"},
	{"put", ask{verbPut, "/linnet-node/a", []byte{7, 8}}, "02" + "0e" + "2f6c696e6e65742d6e6f64652f61" + "0708"},
}

var goldenAnswers = []struct {
	name   string
	answer answer
	hex    string
}{
	{"have", answer{verdictHave, []byte{7, 8}}, "01" + "0708"},
	{"none", answer{verdict: verdictNone}, "02"},
	{"kept", answer{verdict: verdictKept}, "03"},
	{"invalid", answer{verdict: verdictInvalid}, "04"},
	{"older", answer{verdict: verdictOlder}, "05"},
	{"full", answer{verdict: verdictFull}, "06"},
	{"not you", answer{verdict: verdictNotYou}, "07"},
	{"?", answer{verdict: 200}, "c8"},
}

func TestGoldenWire(t *testing.T) {
	for _, c := range goldenAsks {
		if got := hex.EncodeToString(c.ask.appendTo(nil)); got != c.hex {
			t.Errorf("%s: %s, want %s", c.name, got, c.hex)
		}
		got, err := parseAsk(must[[]byte](t)(hex.DecodeString(c.hex)))
		if diff := cmp.Diff(c.ask, got, cmp.AllowUnexported(ask{})); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, diff)
		}
	}
	for _, c := range goldenAnswers {
		if got := hex.EncodeToString(c.answer.appendTo(nil)); got != c.hex {
			t.Errorf("%s: %s, want %s", c.name, got, c.hex)
		}
		got, err := parseAnswer(must[[]byte](t)(hex.DecodeString(c.hex)))
		if diff := cmp.Diff(c.answer, got, cmp.AllowUnexported(answer{})); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, diff)
		}
		if got := c.answer.verdict.String(); got != c.name {
			t.Errorf("verdict %q, want %q", got, c.name)
		}
	}
	for framed, body := range map[string]string{"00": "", "0101": "01", "8001" + strings.Repeat("00", 128): strings.Repeat("00", 128)} {
		b := must[[]byte](t)(hex.DecodeString(body))
		if got := hex.EncodeToString(frame(b)); got != framed {
			t.Errorf("frame %s, want %s", got, framed)
		}
		if got, err := readFrame(bytes.NewReader(must[[]byte](t)(hex.DecodeString(framed))), maxAsk); err != nil || !bytes.Equal(got, b) {
			t.Errorf("frame %s: %x, %v", framed, got, err)
		}
	}
}

func TestMalformedWire(t *testing.T) {
	key := strings.Repeat("k", maxKey)
	for name, b := range map[string][]byte{
		"empty": {}, "short": {1}, "no key": {1, 0}, "key cut": {1, 2, 'k'}, "get with value": {1, 1, 'k', 7},
		"put without": {2, 1, 'k'}, "verb 0": {0, 1, 'k'}, "verb 3": {3, 1, 'k', 7},
		"key too long":   append([]byte{1, byte(maxKey + 1)}, key+"k"...),
		"value too long": append(append([]byte{2, 1, 'k'}, key...), make([]byte, descriptor.Size)...),
		"too long":       make([]byte, maxAsk+1),
	} {
		if a, err := parseAsk(b); !errors.Is(err, errMalformed) {
			t.Errorf("ask, %s: %v, %v", name, a, err)
		}
	}
	for name, b := range map[string][]byte{
		"empty": {}, "verdict 0": {0}, "have nothing": {1}, "none with value": {2, 7}, "too long": make([]byte, maxAnswer+1),
	} {
		if a, err := parseAnswer(b); !errors.Is(err, errMalformed) {
			t.Errorf("answer, %s: %v, %v", name, a, err)
		}
	}
	for name, b := range map[string][]byte{
		"too large": {0xff, 0x7f}, "endless": {0x80, 0x80, 0x80, 0x80}, "more bytes than needed": {0x81, 0x00, 1},
	} {
		if got, err := readFrame(bytes.NewReader(b), 100); !errors.Is(err, errMalformed) {
			t.Errorf("frame, %s: %x, %v", name, got, err)
		}
	}
	for name, b := range map[string][]byte{"empty": {}, "cut": {2, 1}} {
		if _, err := readFrame(bytes.NewReader(b), 100); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("frame, %s: %v", name, err)
		}
	}
}

func FuzzParseAsk(f *testing.F) {
	for _, c := range goldenAsks {
		b, _ := hex.DecodeString(c.hex)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAsk(b)
		if err != nil {
			return
		}
		if again := a.appendTo(nil); !bytes.Equal(again, b) {
			t.Errorf("%x became %x", b, again)
		}
	})
}

func FuzzParseAnswer(f *testing.F) {
	for _, c := range goldenAnswers {
		b, _ := hex.DecodeString(c.hex)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAnswer(b)
		if err != nil {
			return
		}
		if again := a.appendTo(nil); !bytes.Equal(again, b) {
			t.Errorf("%x became %x", b, again)
		}
	})
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{2, 1, 2})
	f.Add([]byte{0x81, 0x00, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := readFrame(bytes.NewReader(b), maxAsk)
		if err != nil {
			return
		}
		if len(body) > maxAsk || !bytes.HasPrefix(b, frame(body)) {
			t.Errorf("%x read from %x", body, b)
		}
	})
}

// fedStream is a stream that reads what a test has.
type fedStream struct {
	network.Stream
	io.Reader
	reset bool
}

func (s *fedStream) Read(b []byte) (int, error) { return s.Reader.Read(b) }
func (s *fedStream) Reset() error               { s.reset = true; return nil }

// Behind the guard, the library's reader sees the same bytes as before it, up to the first request that is too large.
func FuzzRequestGuard(f *testing.F) {
	f.Add([]byte{2, 1, 2, 0, 1, 7}, uint8(1))
	f.Add([]byte{0xff, 0xff, 0xff, 0x01, 1}, uint8(3))
	f.Add(append([]byte{0x80, 0x60}, make([]byte, 3*maxRequest)...), uint8(200))
	f.Fuzz(func(t *testing.T, b []byte, chunk uint8) {
		begun := 0
		fed := &fedStream{Reader: &chunked{b, int(chunk) + 1}}
		got := msgio.NewVarintReaderSize(&request{Stream: fed, begin: func() bool { begun++; return true }}, network.MessageSizeMax)
		want := msgio.NewVarintReaderSize(bytes.NewReader(b), network.MessageSizeMax)
		for n := 1; ; n++ {
			w, wantErr := want.ReadMsg()
			g, gotErr := got.ReadMsg()
			if wantErr == nil && len(w) > maxRequest && gotErr == nil {
				t.Fatalf("let through a request of %d bytes", len(g))
			}
			if gotErr != nil {
				if wantErr == nil && len(w) <= maxRequest && !fed.reset {
					t.Fatalf("request %d: %v", n, gotErr)
				}
				return
			}
			if wantErr != nil || !bytes.Equal(g, w) {
				t.Fatalf("request %d: %x, want %x, %v", n, g, w, wantErr)
			}
			if begun < n {
				t.Fatalf("%d requests, of which %d were counted", n, begun)
			}
		}
	})
}

// chunked reads few bytes at a time.
type chunked struct {
	rest []byte
	n    int
}

func (c *chunked) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), c.n)], c.rest)
	c.rest = c.rest[n:]
	return n, nil
}
