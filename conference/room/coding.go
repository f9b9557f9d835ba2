package room

import (
	"slices"
	"time"

	"github.com/linnetmesh/linnet/conference/jitter"
	"github.com/linnetmesh/linnet/conference/mixer"
	"github.com/linnetmesh/linnet/conference/opus"
	"github.com/linnetmesh/linnet/conference/rtc"
)

// hears gives a member a decoder, if there is one.
func (m *mixing) hears(p *member) bool {
	p.unused = 0
	if p.decoder != nil {
		return true
	}
	d, pcm, err := m.spare.decoder()
	if err != nil {
		return false
	}
	p.decoder, p.pcm, p.left, p.decoded = d, pcm, 0, 0
	return true
}

// decode has the member's frame at the beginning of pcm.
func (m *mixing) decode(now time.Time, p *member) {
	if !m.hears(p) {
		return
	}
	n, err := opus.Frame, error(nil)
	switch p.played.Kind {
	case jitter.Voice:
		folds := 0
		if p.played.Fold != nil {
			if folds, err = p.decoder.Decode(p.played.Fold, m.fold); err != nil {
				folds = 0
			}
		}
		if n, err = p.decoder.Decode(p.played.Payload, p.pcm); err == nil && folds == opus.Frame && n == opus.Frame {
			mixer.Fold(p.pcm[:opus.Frame], m.fold[:opus.Frame], p.pcm[:opus.Frame])
		}
	case jitter.More:
		n = copy(p.pcm, p.pcm[opus.Frame:opus.Frame+p.left])
	case jitter.Lost:
		err = p.decoder.Conceal(p.played.Next, p.pcm)
	case jitter.Nothing:
		n = 0
	}
	if err != nil {
		n = 0
	}
	clear(p.pcm[n:max(n, opus.Frame)])
	p.left = max(n-opus.Frame, 0)
	level := mixer.Level(p.pcm[:opus.Frame])
	if p.played.Kind == jitter.Voice {
		found := level
		if !p.claims {
			found = min(found, faint) // it did not lie, so it may be quiet and have a place that nobody else wants
		}
		p.voice.Measure(now, p.played.Level, found)
	}
	if p.decoded++; p.decoded > warm && (p.played.Kind == jitter.Voice || p.played.Kind == jitter.More) {
		p.level.Measure(level)
	}
}

// prime decodes, once more or for the first time, what was passed at the last beat: a decoder and the encoders that begin now
// then go on from it, without a crack.
func (m *mixing) prime() {
	p := m.passed
	m.passed, m.primes = nil, nil
	if p == nil || !slices.Contains(m.who, p) {
		return
	}
	if p.decoder == nil {
		if !m.hears(p) {
			return
		}
		if n, err := p.decoder.Decode(m.last, p.pcm); err != nil || n != opus.Frame {
			return
		}
		p.decoded++
	}
	copy(m.before, p.pcm)
	p.level.Apply(m.before)
	m.primes = p
}

// mix decodes who speaks, levels them, and sends each listener all but themselves.
func (m *mixing) mix(now time.Time, speaking []*member) {
	m.prime()
	clear(m.sum)
	for _, p := range speaking {
		m.decode(now, p)
		if p.pcm == nil {
			continue
		}
		p.level.Apply(p.pcm[:opus.Frame])
		for i, v := range p.pcm[:opus.Frame] {
			m.sum[i] += v
		}
	}
	if len(speaking) == 1 && speaking[0].played.Kind == jitter.Nothing && speaking[0].levelled {
		m.common.unused = 0 // it is between words, and goes on
		for _, listener := range m.members {
			listener.silent = true
		}
		return
	}
	var common rtc.Packet
	for _, listener := range m.members {
		if len(speaking) == 0 {
			listener.silent = true
			continue
		}
		if slices.Contains(speaking, listener) {
			if len(speaking) == 1 || listener.pcm == nil {
				listener.silent = true
				continue
			}
			for i, v := range listener.pcm[:opus.Frame] {
				m.out[i] = m.sum[i] - v
			}
			if p := m.encode(now, &listener.own, ownWork, listener.way.loss, m.out); p.Payload != nil {
				m.send(listener, p)
			}
			continue
		}
		if common.Payload == nil {
			copy(m.out, m.sum)
			if common = m.encode(now, &m.common, commonWork, m.loss, m.out); common.Payload == nil {
				continue
			}
			m.shared = append(m.shared[:0], common.Payload...) // m.packet is the next one's
			common.Payload = m.shared
		}
		m.send(listener, common)
	}
}

// encode makes a packet of a mix, or one without a payload if it cannot.
func (m *mixing) encode(now time.Time, v *voice, work, loss int, frame []float32) rtc.Packet {
	if m.strained(now) {
		work = 0
	}
	if loss > usual {
		work = max(work, mendWork)
	}
	o := opus.Options{Complexity: work, Loss: loss}
	if v.encoder == nil {
		e, err := m.spare.encoder(o)
		if err != nil {
			return rtc.Packet{}
		}
		v.encoder, v.limiter, v.work, v.loss = e, mixer.Limiter{}, work, loss
		m.begin(v, frame)
	}
	if (v.work != work || v.loss != loss) && v.encoder.Set(o) == nil {
		v.work, v.loss = work, loss
	}
	v.unused = 0
	v.limiter.Limit(frame)
	b, err := v.encoder.Encode(m.packet[:0], frame)
	if err != nil {
		return rtc.Packet{}
	}
	m.packet = b
	return rtc.Packet{Codec: rtc.Opus, Level: mixer.Level(frame), Leveled: true, Payload: b}
}

// begin leads an encoder that begins to its first frame: by the frame before, if the listener heard that, or from silence.
func (m *mixing) begin(v *voice, frame []float32) {
	if m.primes != nil && v != &m.primes.own {
		if b, err := v.encoder.Encode(m.packet[:0], m.before); err == nil {
			m.packet = b
		}
		return
	}
	for i := range frame[:fade] {
		frame[i] *= float32(i) / fade
	}
}

// rest ends a beat: an encoder that was not used goes to those that are spare.
func (m *mixing) rest(v *voice) {
	if v.unused++; v.unused > 1 && v.encoder != nil {
		m.spare.encoders = append(m.spare.encoders, v.encoder)
		v.encoder = nil
	}
}

// spares are the encoders and decoders that nobody uses now. There are as many in all as are ever heard at once, and not one
// for each leg that spoke in the last seconds.
type spares struct {
	encoders []*opus.Encoder
	decoders []*opus.Decoder
	frames   [][]float32 // one for each decoder
	unused   int         // beats since one was taken
}

func (s *spares) encoder(o opus.Options) (*opus.Encoder, error) {
	s.unused = 0
	n := len(s.encoders)
	if n == 0 {
		return opus.NewEncoder(o)
	}
	e := s.encoders[n-1]
	s.encoders = s.encoders[:n-1]
	e.Reset() // its state is of another sound
	return e, e.Set(o)
}

// decoder returns one with room for what it makes of a packet.
func (s *spares) decoder() (*opus.Decoder, []float32, error) {
	s.unused = 0
	n := len(s.decoders)
	if n == 0 {
		d, err := opus.NewDecoder()
		return d, make([]float32, opus.MaxFrame), err
	}
	d, frame := s.decoders[n-1], s.frames[n-1]
	s.decoders, s.frames = s.decoders[:n-1], s.frames[:n-1]
	d.Reset()
	return d, frame, nil
}

func (s *spares) rest() {
	if s.unused++; s.unused > idle {
		s.encoders, s.decoders, s.frames = nil, nil, nil
	}
}
