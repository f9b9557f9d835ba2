// Package opus is the codec: Opus (RFC 6716) at 48 kHz, mono, in frames of 20 ms.
//
// As it stands it is pure Go (thesyncim/gopus). Built with cgo and -tags libopus it is the C library, which needs libopus-dev
// and a third less time; both pass the same tests. An Encoder takes some 400 KiB and a Decoder 280, so whoever has many legs
// makes them when they are needed. One goroutine uses one at a time.
//
// A mixer decodes what strangers send. So a Decoder stands any bytes: a panic of the library is caught, named (ErrPanic), and
// costs no more than the decoder's memory of what it heard before.
package opus

import (
	"errors"
	"fmt"
)

const (
	// Rate is the samples a second.
	Rate = 48000
	// Frame is the samples of 20 ms.
	Frame = Rate / 50
	// MaxFrame is the most samples of one packet: 120 ms.
	MaxFrame = 6 * Frame
	// MaxPacket is the most bytes of a packet, here: what one frame may take (RFC 6716, section 3.2.1).
	MaxPacket = 1275
	// Quiet is the most bytes of a packet that need not be sent: it says that nobody speaks (DTX).
	Quiet = 2
	// Lookahead is how much later sound comes out of a decoder than it went into an encoder, beside the frame itself: 6.5 ms,
	// in samples.
	Lookahead = 312
)

var (
	// ErrPacket says that something is no Opus packet.
	ErrPacket = errors.New("opus: invalid packet")
	// ErrPanic says that the library panicked over a packet; errors that match it match ErrPacket too.
	ErrPanic = fmt.Errorf("%w: it broke the decoder", ErrPacket)
)

// Options are those of an Encoder. The zero value is a voice at 24 kbit/s for little work.
type Options struct {
	Bitrate    int  // bits a second, 6000 to 64000; 0 means 24000
	Complexity int  // 0 to 10: how much work the same bits may take
	Loss       int  // percent of packets that get lost; above 0, each carries the one before again (in-band FEC)
	DTX        bool // packets of at most Quiet bytes while nothing is said
}

func (o Options) check() (Options, error) {
	if o.Bitrate == 0 {
		o.Bitrate = 24000
	}
	if o.Bitrate < 6000 || o.Bitrate > 64000 || o.Complexity < 0 || o.Complexity > 10 || o.Loss < 0 || o.Loss > 100 {
		return o, fmt.Errorf("opus: options out of range: %+v", o)
	}
	return o, nil
}

// Samples returns how many samples a packet stands for, and false if it is none: a whole number of frames of 2.5 to 60 ms, of
// 120 ms at most (RFC 6716, section 3.1). It reads the first two bytes alone.
func Samples(packet []byte) (int, bool) {
	if len(packet) == 0 {
		return 0, false
	}
	toc := packet[0]
	var frame int
	switch config := toc >> 3; {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		frame = [...]int{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		frame = [...]int{480, 960}[config&1]
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = 120 << (config & 3)
	}
	count := 1
	switch toc & 3 {
	case 1, 2:
		count = 2
	case 3:
		if len(packet) < 2 {
			return 0, false
		}
		count = int(packet[1] & 0x3f)
	}
	if n := frame * count; n > 0 && n <= MaxFrame {
		return n, true
	}
	return 0, false
}

// Encoder makes packets of frames.
type Encoder struct{ e codecEncoder }

// NewEncoder returns an encoder. The error says which options are out of range.
func NewEncoder(o Options) (*Encoder, error) {
	o, err := o.check()
	if err != nil {
		return nil, err
	}
	e := new(Encoder)
	if err := e.e.init(); err != nil {
		return nil, fmt.Errorf("opus: making an encoder: %w", err)
	}
	return e, e.Set(o)
}

// Set changes the options from the next frame on, without a break in the sound.
func (e *Encoder) Set(o Options) error {
	o, err := o.check()
	if err != nil {
		return err
	}
	if err := e.e.set(o); err != nil {
		return fmt.Errorf("opus: setting: %w", err)
	}
	return nil
}

// Encode appends the packet of a frame, of Frame samples between -1 and 1. A packet of at most Quiet bytes need not be sent.
func (e *Encoder) Encode(b []byte, frame []float32) ([]byte, error) {
	n := len(b)
	if cap(b)-n < MaxPacket {
		b = append(make([]byte, 0, n+MaxPacket), b...)
	}
	m, err := e.e.encode(frame[:Frame], b[n:n+MaxPacket])
	if err != nil {
		return nil, fmt.Errorf("opus: encoding: %w", err)
	}
	return b[:n+m], nil
}

// Reset forgets what was encoded before: the next packet leans on nothing that the listener may have missed.
func (e *Encoder) Reset() { e.e.reset() }

// Decoder makes samples of packets.
type Decoder struct{ d codecDecoder }

// NewDecoder returns a decoder.
func NewDecoder() (*Decoder, error) {
	d := new(Decoder)
	if err := d.d.init(); err != nil {
		return nil, fmt.Errorf("opus: making a decoder: %w", err)
	}
	return d, nil
}

// Decode writes the samples of a packet to pcm, which has room for MaxFrame, and returns how many there are. The error matches
// ErrPacket.
func (d *Decoder) Decode(packet []byte, pcm []float32) (int, error) {
	if _, ok := Samples(packet); !ok || len(packet) > 6*MaxPacket {
		return 0, ErrPacket
	}
	n, err := d.guard(func() (int, error) { return d.d.decode(packet, pcm[:MaxFrame:MaxFrame], false) })
	clamp(pcm[:n])
	return n, err
}

// Conceal writes Frame samples in the place of a frame that was lost: what the packet after it, if there is one, carries of it,
// or what may have been said.
func (d *Decoder) Conceal(next []byte, frame []float32) error {
	if n, ok := Samples(next); !ok || n != Frame || len(next) > MaxPacket {
		next = nil
	}
	n, err := d.guard(func() (int, error) { return d.d.decode(next, frame[:Frame:Frame], true) })
	clear(frame[n:Frame])
	clamp(frame[:n])
	return err
}

// Reset forgets what was decoded before.
func (d *Decoder) Reset() { d.d.reset() }

// guard catches panics: the decoder is then made anew.
func (d *Decoder) guard(decode func() (int, error)) (n int, err error) {
	defer func() {
		if recover() != nil {
			n, err = 0, ErrPanic
			if e := d.d.init(); e != nil {
				err = fmt.Errorf("%w: %w", ErrPanic, e)
			}
		}
	}()
	n, err = decode()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrPacket, err)
	}
	return n, nil
}

// clamp keeps samples where nothing that adds them up can overflow; hostile packets make NaN and worse.
func clamp(pcm []float32) {
	for i, v := range pcm {
		switch {
		case v >= -2 && v <= 2:
		case v > 2:
			pcm[i] = 2
		case v < -2:
			pcm[i] = -2
		default:
			pcm[i] = 0
		}
	}
}
