package opus_test

import (
	"errors"
	"math"
	"testing"

	"github.com/linnetmesh/linnet/conference/hearing"
	"github.com/linnetmesh/linnet/conference/opus"
)

// The voices were made by libopus; whichever library decodes them must hear the same. Levels of each half second in tenths of
// -dBov, as libopus 1.3.1 has them.
var golden = [hearing.Voices][]int{
	{174, 192, 199, 187, 241, 181, 214, 194, 227, 212, 201, 221, 228, 183, 249, 182, 194, 174},
	{198, 212, 208, 194, 183, 223, 251, 209, 197, 203, 201, 240, 203, 188, 231, 211, 227, 213, 184, 350},
	{190, 197, 238, 178, 182, 186, 194, 238, 178, 230, 194, 206, 192, 182, 193, 180, 198, 222},
}

func TestGolden(t *testing.T) {
	for voice := range hearing.Voices {
		pcm := hearing.Speech(voice)
		var got []int
		for at := 0; at+opus.Rate/2 <= len(pcm); at += opus.Rate / 2 {
			got = append(got, int(math.Round(-10*hearing.Level(pcm[at:at+opus.Rate/2]))))
		}
		want := golden[voice]
		if len(got) != len(want) {
			t.Errorf("voice %d: %d half seconds, want %d: %v", voice, len(got), len(want), got)
			continue
		}
		for i := range want {
			if d := got[i] - want[i]; d < -2 || d > 2 {
				t.Errorf("voice %d, half second %d: -%d.%d dBov, want -%d.%d", voice, i, got[i]/10, got[i]%10, want[i]/10, want[i]%10)
			}
		}
	}
}

// trip encodes speech, loses what lose says, and decodes the rest.
func trip(t *testing.T, o opus.Options, said []float32, lose func(i int) bool) (heard []float32, size int) {
	t.Helper()
	e, err := opus.NewEncoder(o)
	if err != nil {
		t.Fatal(err)
	}
	d, err := opus.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	var list [][]byte
	for at := 0; at < len(said); at += opus.Frame {
		p, err := e.Encode(nil, said[at:at+opus.Frame])
		if err != nil {
			t.Fatal(err)
		}
		size += len(p)
		list = append(list, p)
	}
	pcm := make([]float32, opus.MaxFrame)
	for i, p := range list {
		if lose(i) {
			var next []byte
			if i+1 < len(list) && !lose(i+1) {
				next = list[i+1]
			}
			if err := d.Conceal(next, pcm); err != nil {
				t.Fatal(err)
			}
		} else if n, err := d.Decode(p, pcm); err != nil || n != opus.Frame {
			t.Fatalf("packet %d: %d samples, %v", i, n, err)
		}
		heard = append(heard, pcm[:opus.Frame]...)
	}
	return heard, size
}

func TestSpeech(t *testing.T) {
	t.Logf("by %s", opus.Library)
	tests := []struct {
		name string
		o    opus.Options
		lose func(i int) bool
		want float64 // likeness
		size int     // bytes a packet
	}{
		{"clean", opus.Options{Complexity: 5}, func(int) bool { return false }, 0.95, 65},
		{"least work", opus.Options{}, func(int) bool { return false }, 0.93, 65},
		{"16 kbit/s", opus.Options{Bitrate: 16000}, func(int) bool { return false }, 0.90, 45},
		{"a tenth lost, mended", opus.Options{Complexity: 5, Loss: 15}, func(i int) bool { return i%10 == 7 }, 0.91, 70},
		{"a tenth lost, guessed", opus.Options{Complexity: 5}, func(i int) bool { return i%10 == 7 }, 0.85, 65},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			said := hearing.Speech(0)
			heard, size := trip(t, tt.o, said, tt.lose)
			got, later := hearing.Likeness(said, heard, opus.Frame)
			perPacket := size * opus.Frame / len(said)
			if got < tt.want || perPacket > tt.size || later > opus.Frame {
				t.Errorf("likeness %.3f, want %.2f; %d bytes a packet, want %d; %d samples later", got, tt.want, perPacket, tt.size, later)
			}
		})
	}
}

func TestQuiet(t *testing.T) {
	e, err := opus.NewEncoder(opus.Options{DTX: true})
	if err != nil {
		t.Fatal(err)
	}
	quiet, frame := 0, make([]float32, opus.Frame)
	for range 100 {
		p, err := e.Encode(nil, frame)
		if err != nil {
			t.Fatal(err)
		}
		if len(p) <= opus.Quiet {
			quiet++
		}
	}
	if quiet < 70 {
		t.Errorf("%d of 100 packets of silence need not be sent", quiet)
	}
}

func TestSamples(t *testing.T) {
	tests := []struct {
		packet []byte
		want   int
		ok     bool
	}{
		{nil, 0, false},
		{[]byte{0x08}, 960, true},            // SILK 20 ms
		{[]byte{0x18}, 2880, true},           // SILK 60 ms
		{[]byte{0x19}, 5760, true},           // two of them
		{[]byte{0x78}, 960, true},            // hybrid 20 ms
		{[]byte{0xf8}, 960, true},            // CELT 20 ms
		{[]byte{0xe0}, 120, true},            // CELT 2.5 ms
		{[]byte{0x0b}, 0, false},             // how many?
		{[]byte{0x0b, 0x00}, 0, false},       // none
		{[]byte{0x0b, 0x06}, 6 * 960, true},  // six
		{[]byte{0x0b, 0x07}, 0, false},       // more than 120 ms
		{[]byte{0x0b, 0xc6, 9}, 5760, true},  // with padding, VBR
		{[]byte{0x1b, 0x3f, 9, 9}, 0, false}, // 63 of 60 ms
	}
	for _, tt := range tests {
		if got, ok := opus.Samples(tt.packet); got != tt.want || ok != tt.ok {
			t.Errorf("%x: %d, %v, want %d, %v", tt.packet, got, ok, tt.want, tt.ok)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []opus.Options{{Bitrate: 100}, {Complexity: 11}, {Loss: -1}, {Bitrate: 1 << 20}} {
		if _, err := opus.NewEncoder(o); err == nil {
			t.Errorf("%+v: no complaint", o)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for i, p := range hearing.Packets(0) {
		if i%40 == 0 {
			f.Add(p, p)
		}
	}
	f.Add([]byte{0xff}, []byte{})
	d, err := opus.NewDecoder()
	if err != nil {
		f.Fatal(err)
	}
	pcm := make([]float32, opus.MaxFrame)
	f.Fuzz(func(t *testing.T, packet, next []byte) {
		n, err := d.Decode(packet, pcm)
		if errors.Is(err, opus.ErrPanic) {
			t.Logf("caught: %x", packet)
		}
		if err != nil && !errors.Is(err, opus.ErrPacket) || n < 0 || n > opus.MaxFrame {
			t.Fatalf("%d samples, %v", n, err)
		}
		if want, ok := opus.Samples(packet); err == nil && (!ok || n != want) {
			t.Fatalf("%d samples, want %d, %v", n, want, ok)
		}
		if err := d.Conceal(next, pcm); err != nil && !errors.Is(err, opus.ErrPacket) {
			t.Fatal(err)
		}
		for _, v := range pcm {
			if !(v >= -2 && v <= 2) {
				t.Fatalf("sample %v", v)
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	said := hearing.Speech(0)
	e, err := opus.NewEncoder(opus.Options{Complexity: 5})
	if err != nil {
		b.Fatal(err)
	}
	buf, at := make([]byte, 0, opus.MaxPacket), 0
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Encode(buf, said[at:at+opus.Frame]); err != nil {
			b.Fatal(err)
		}
		at = (at + opus.Frame) % len(said)
	}
}

func BenchmarkDecode(b *testing.B) {
	list := hearing.Packets(0)
	d, err := opus.NewDecoder()
	if err != nil {
		b.Fatal(err)
	}
	pcm, i := make([]float32, opus.MaxFrame), 0
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(list[i%len(list)], pcm); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
