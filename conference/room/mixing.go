package room

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/conference/jitter"
	"github.com/linnetmesh/linnet/conference/mixer"
	"github.com/linnetmesh/linnet/conference/opus"
	"github.com/linnetmesh/linnet/conference/rtc"
)

const (
	beat   = 20 * time.Millisecond
	voices = 3 // that are heard at once
	// idle is after how many beats decoders and encoders that nobody needs are let go: they are large.
	idle = 250
	// hushed is the level, in -dBov, from which listeners are told it, since they may pass over such a frame when they are late;
	// for the others it would be 8 bytes in each packet that help nobody.
	hushed = 45
	// easy is for how long the encoders take the least work after a beat that was late: quality goes before time does.
	easy = 5 * time.Second
	// commonWork and ownWork are what encoders take otherwise (opus.Options.Complexity). What a speaker hears is for one, who
	// talks over it: it has 0.3 to 0.8 dB more noise for 0.6 of the time.
	commonWork, ownWork = 5, 0
)

// mixing is a room that mixes. Each beat it takes one frame of each leg, chooses the loudest few by the levels that came with
// the packets, decodes those alone, and encodes one mix for all who only listen, and one without their own voice for each of
// the few. While one speaks alone his packets go through as they came: nothing is decoded or encoded.
type mixing struct {
	mu      sync.Mutex
	members []*member // by id
	notice  notices

	chooser mixer.Chooser
	list    []*mixer.Voice
	common  voice
	sum     []float32
	out     []float32
	packet  []byte
	fold    []float32
	spare   spares
	hold    func() (send func()) // has the packets of a beat go together
	time    uint32               // RTP, of the beat
	strain  time.Time            // when a beat was last late, or long
}

// member is a leg in a mixing room.
type member struct {
	id     uint32
	leg    leg
	buffer jitter.Buffer
	voice  mixer.Voice
	muted  bool
	long   bool // its packets are of more than 20 ms

	played   jitter.Played
	decoder  *opus.Decoder // nil while nobody hears it
	pcm      []float32
	left     int // samples of the last packet behind the first frame
	unused   int // beats without decoding
	own      voice
	sequence uint16
	silent   bool // nothing was sent at the last beat
}

// voice is an encoder for one mix.
type voice struct {
	encoder *opus.Encoder // nil while nobody hears it
	limiter mixer.Limiter
	work    int
	unused  int // beats
}

func newMixing() *mixing {
	return &mixing{hold: func() func() { return func() {} }, sum: make([]float32, opus.Frame), out: make([]float32, opus.Frame), fold: make([]float32, opus.MaxFrame)}
}

func (m *mixing) Enter(id uint32, l leg) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.members = append(m.members, &member{id: id, leg: l, silent: true})
	m.notice.enter(id, l)
}

func (m *mixing) Leave(id uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.members = slices.DeleteFunc(m.members, func(p *member) bool { return p.id == id }) // with its codecs, if it spoke
	m.notice.leave(id)
}

func (m *mixing) find(id uint32) *member {
	for _, p := range m.members {
		if p.id == id {
			return p
		}
	}
	return nil
}

func (m *mixing) Hear(id uint32, p *rtc.Packet) {
	if p.Codec != rtc.Opus || p.Slot != 0 || len(p.Payload) > opus.MaxPacket {
		return
	}
	n, ok := opus.Samples(p.Payload)
	if !ok || n%opus.Frame != 0 {
		return
	}
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.find(id)
	if a == nil || a.muted {
		return
	}
	level := p.Level
	if !p.Leveled {
		level = 30 // it does not say, so it is asked to prove itself
	}
	// One that is late, twice or too large is passed over.
	if a.buffer.Push(now, jitter.Packet{
		Sequence: p.Sequence, Timestamp: p.Timestamp, Level: level, Frames: n / opus.Frame, Payload: p.Payload,
	}) == nil {
		a.voice.Claim(now, level)
	}
}

func (m *mixing) Told(id uint32, message []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	state, ok := m.notice.told(id, message)
	if a := m.find(id); ok && a != nil {
		if a.muted = state.Muted; a.muted {
			a.voice.Forget()
		}
	}
}

// Wanted and Lost are of video, which is not mixed.
func (m *mixing) Wanted(uint32, int) {}

// Lost is of video too.
func (m *mixing) Lost(uint32, float64) {}

// Run beats every 20 ms by deadlines that do not drift. Beats that could not be had in time are passed over, so that delay
// does not grow.
func (m *mixing) Run(ctx context.Context) {
	runBeat(ctx, func(now time.Time, late time.Duration, missed int) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.time += uint32(missed) * opus.Frame
		if late > beat/2 {
			m.strain = now
		}
		send := m.hold()
		m.step(now)
		send()
		if time.Since(now) > beat/2 {
			m.strain = now
		}
	})
}

// runBeat calls step every 20 ms, until ctx ends, with how late it is and how many steps were passed over for that.
func runBeat(ctx context.Context, step func(now time.Time, late time.Duration, missed int)) {
	next := time.Now().Add(beat)
	timer := time.NewTimer(beat)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now, missed := time.Now(), 0
		late := now.Sub(next)
		if late > 2*beat {
			missed = int(late/beat) - 1
			next = next.Add(time.Duration(missed) * beat)
		}
		step(now, late, missed)
		next = next.Add(beat)
		timer.Reset(time.Until(next))
	}
}

// step is one beat, with the lock held.
func (m *mixing) step(now time.Time) {
	m.list = m.list[:0]
	for _, p := range m.members {
		p.played = p.buffer.Pop(now)
		m.list = append(m.list, &p.voice)
	}
	var speaking []*member
	for _, v := range m.chooser.Choose(now, voices, m.list) {
		i := slices.IndexFunc(m.members, func(p *member) bool { return &p.voice == v })
		speaking = append(speaking, m.members[i])
	}
	m.time += opus.Frame
	m.notice.speaking(now, speaking)
	if len(speaking) == 1 && speaking[0].passable() {
		m.pass(now, speaking[0])
	} else {
		m.mix(now, speaking)
	}
	for _, p := range m.members {
		if p.unused++; p.unused > 1 && p.decoder != nil {
			m.spare.decoders = append(m.spare.decoders, p.decoder)
			p.decoder, p.pcm, p.left = nil, nil, 0
		}
		m.rest(&p.own)
	}
	m.rest(&m.common)
	m.spare.rest()
}

// spares are the encoders and decoders that nobody uses now. There are as many in all as are ever heard at once, and not one
// for each leg that spoke in the last seconds.
type spares struct {
	encoders []*opus.Encoder
	decoders []*opus.Decoder
	unused   int // beats since one was taken
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

func (s *spares) decoder() (*opus.Decoder, error) {
	s.unused = 0
	n := len(s.decoders)
	if n == 0 {
		return opus.NewDecoder()
	}
	d := s.decoders[n-1]
	s.decoders = s.decoders[:n-1]
	d.Reset()
	return d, nil
}

func (s *spares) rest() {
	if s.unused++; s.unused > idle {
		s.encoders, s.decoders = nil, nil
	}
}

// passable tells whether a member's packets are of one frame each, as the beat is.
func (p *member) passable() bool {
	if p.played.Kind == jitter.Voice {
		n, _ := opus.Samples(p.played.Payload)
		p.long = n != opus.Frame
	}
	return !p.long
}

// pass sends the packet of who speaks alone to all others. One that is lost leaves a gap, so that they conceal it, for which
// the packet after it may have what they need; between words nothing is sent.
func (m *mixing) pass(now time.Time, speaker *member) {
	p := rtc.Packet{Codec: rtc.Opus, Level: speaker.played.Level, Leveled: true, Payload: speaker.played.Payload}
	if speaker.played.Kind == jitter.Voice && speaker.voice.Untested(now) {
		m.decode(now, speaker)
	}
	for _, listener := range m.members {
		switch {
		case listener == speaker || speaker.played.Kind == jitter.Nothing:
			listener.silent = true
		case speaker.played.Kind == jitter.Voice:
			m.send(listener, p)
		case speaker.played.Kind == jitter.Lost && !listener.silent:
			listener.sequence++
		}
	}
}

// decode has the member's frame at the beginning of pcm.
func (m *mixing) decode(now time.Time, p *member) {
	p.unused = 0
	if p.decoder == nil {
		d, err := m.spare.decoder()
		if err != nil {
			return
		}
		p.decoder, p.pcm, p.left = d, make([]float32, opus.MaxFrame), 0
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
	if p.played.Kind == jitter.Voice {
		p.voice.Measure(now, p.played.Level, mixer.Level(p.pcm[:opus.Frame]))
	}
}

// mix decodes who speaks, and sends each listener all but themselves.
func (m *mixing) mix(now time.Time, speaking []*member) {
	clear(m.sum)
	for _, p := range speaking {
		m.decode(now, p)
		if p.pcm == nil {
			continue
		}
		for i, v := range p.pcm[:opus.Frame] {
			m.sum[i] += v
		}
	}
	var common *rtc.Packet
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
			if p := m.encode(now, &listener.own, ownWork, m.out); p != nil {
				m.send(listener, *p)
			}
			continue
		}
		if common == nil {
			copy(m.out, m.sum)
			p := m.encode(now, &m.common, commonWork, m.out)
			if p == nil {
				continue
			}
			p.Payload = slices.Clone(p.Payload) // m.packet is the next one's
			common = p
		}
		m.send(listener, *common)
	}
}

// encode makes a packet of a mix.
func (m *mixing) encode(now time.Time, v *voice, work int, frame []float32) *rtc.Packet {
	if now.Sub(m.strain) < easy {
		work = 0
	}
	o := opus.Options{Complexity: work, Loss: 5}
	if v.encoder == nil {
		e, err := m.spare.encoder(o)
		if err != nil {
			return nil
		}
		v.encoder, v.limiter, v.work = e, mixer.Limiter{}, work
	}
	if v.work != work && v.encoder.Set(o) == nil {
		v.work = work
	}
	v.unused = 0
	v.limiter.Limit(frame)
	b, err := v.encoder.Encode(m.packet[:0], frame)
	if err != nil {
		return nil
	}
	m.packet = b
	return &rtc.Packet{Codec: rtc.Opus, Level: mixer.Level(frame), Leveled: true, Payload: b}
}

// rest ends a beat: an encoder that was not used goes to those that are spare.
func (m *mixing) rest(v *voice) {
	if v.unused++; v.unused > 1 && v.encoder != nil {
		m.spare.encoders = append(m.spare.encoders, v.encoder)
		v.encoder = nil
	}
}

func (m *mixing) send(listener *member, p rtc.Packet) {
	listener.sequence++
	p.Sequence, p.Timestamp, p.Marker = listener.sequence, m.time, listener.silent
	p.Leveled = p.Level >= hushed
	listener.silent = false
	_ = listener.leg.Write(&p) // a leg that cannot be written to ends by itself
}
