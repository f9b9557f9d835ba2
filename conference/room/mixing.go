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
	// voiced and unvoiced are taken for the levels of packets that came without, in -dBov; faint is the least that a voice is then
	// taken for, when it was found to be quieter.
	voiced, unvoiced, faint = 30, 60, 52
	// warm is how many frames a decoder has had before what it gives is as loud as what was said.
	warm = 3
	// wait is how many beats a voice that begins or ceases to be levelled waits for a pause, in which nobody hears it.
	wait = 100
	// fade is over how many samples the first frame of an encoder that begins amid sound comes in.
	fade = 240
)

// mixing is a room that mixes. Each beat it takes one frame of each leg, chooses the loudest few by the levels that came with
// the packets, decodes those alone, and encodes one mix for all who only listen, and one without their own voice for each of
// the few. While one speaks alone his packets go through as they came: nothing is decoded or encoded, unless the voice is so
// quiet or so loud that it is levelled (mixer.Leveler).
type mixing struct {
	mu      sync.Mutex
	members []*member // by id
	notice  notices

	chooser mixer.Chooser
	list    []*mixer.Voice
	who     []*member // speak at this beat
	common  voice
	loss    int // percent that is lost on the way to those who only listen
	losses  []float64
	beats   int
	sum     []float32
	out     []float32
	packet  []byte
	shared  []byte // the packet for all who only listen
	wire    rtc.Packet
	fold    []float32
	spare   spares
	passed  *member // whose packet was passed at the last beat, and it
	last    []byte
	before  []float32            // what of the last beat, which was passed, encoders begin with
	primes  *member              // whose that is, at this beat
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
	claims bool // a level came with its last packet

	level    mixer.Leveler
	levelled bool // while it speaks alone
	waits    int  // beats for a pause, to change that

	played   jitter.Played
	decoder  *opus.Decoder // nil while nobody hears it
	pcm      []float32
	left     int // samples of the last packet behind the first frame
	unused   int // beats without decoding
	decoded  int // frames since it has its decoder
	own      voice
	sequence uint16
	silent   bool // nothing was sent at the last beat
	way      way
}

// voice is an encoder for one mix.
type voice struct {
	encoder *opus.Encoder // nil while nobody hears it
	limiter mixer.Limiter
	work    int
	loss    int // percent
	unused  int // beats
}

func newMixing() *mixing {
	return &mixing{loss: usual, hold: func() func() { return func() {} }, sum: make([]float32, opus.Frame), out: make([]float32, opus.Frame), before: make([]float32, opus.Frame), fold: make([]float32, opus.MaxFrame)}
}

func (m *mixing) Enter(id uint32, l leg) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.members = append(m.members, &member{id: id, leg: l, silent: true, way: way{lost: usual, loss: int(usual)}})
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
	if a.claims = p.Leveled; !a.claims {
		level = unsaid(p.Payload)
	}
	// One that is late, twice or too large is passed over.
	if a.buffer.Push(now, jitter.Packet{
		Sequence: p.Sequence, Timestamp: p.Timestamp, Level: level, Frames: n / opus.Frame, Payload: p.Payload,
	}) == nil {
		a.voice.Claim(now, level)
	}
}

// unsaid is the level that is taken for that of a packet that came without: of a voice, which is then asked to prove itself, or of
// none, if the encoder says so. The first bit of a frame of SILK does (RFC 6716, section 4.2.3).
func unsaid(packet []byte) uint8 {
	if silk, one := packet[0]&0x80 == 0, packet[0]&3 == 0; silk && one && (len(packet) == 1 || packet[1]&0x80 == 0) {
		return unvoiced
	}
	return voiced
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

// Wanted is of video, which is not mixed.
func (m *mixing) Wanted(uint32, int) {}

// Lost has the encoders follow how much is lost on the way to a leg.
func (m *mixing) Lost(id uint32, share float64) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.find(id); p != nil {
		p.way.report(now, share)
	}
}

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
	m.who = m.who[:0]
	for _, v := range m.chooser.Choose(now, voices, m.list) {
		for _, p := range m.members {
			if &p.voice == v {
				m.who = append(m.who, p)
			}
		}
	}
	m.time += opus.Frame
	m.notice.speaking(now, m.who)
	if len(m.who) == 1 && m.who[0].passable() && !m.levels(now, m.who[0]) {
		m.pass(now, m.who[0])
	} else {
		m.mix(now, m.who)
	}
	for _, p := range m.members {
		if p.unused++; p.unused > 1 && p.decoder != nil {
			clear(p.pcm)
			m.spare.decoders, m.spare.frames = append(m.spare.decoders, p.decoder), append(m.spare.frames, p.pcm)
			p.decoder, p.pcm, p.left = nil, nil, 0
		}
		if p.unused > 1 && p.played.Kind == jitter.Voice && p.believed() {
			p.level.Claim(p.played.Level)
		}
		p.voice.Raise(p.level.Gain())
		m.rest(&p.own)
	}
	m.rest(&m.common)
	if m.beats++; m.beats%settle == 0 {
		m.follow(now)
	}
	m.spare.rest()
}

// levels tells whether the voice of who speaks alone is levelled, and so decoded and encoded. That begins and ends between
// words; and while the encoders are late, all voices go as they came.
func (m *mixing) levels(now time.Time, p *member) bool {
	should := p.level.Needed() && !m.strained(now)
	if should == p.levelled {
		p.waits = 0
		return should
	}
	between := p.played.Kind == jitter.Nothing || p.played.Kind == jitter.Voice && p.played.Level >= hushed
	if p.waits++; between || p.waits > wait {
		p.levelled, p.waits = should, 0
	}
	return p.levelled
}

// strained tells whether a beat of the last seconds was late.
func (m *mixing) strained(now time.Time) bool { return now.Sub(m.strain) < easy }

// believed tells whether the level of its packets is worth something.
func (p *member) believed() bool { return p.claims && p.voice.Believed() }

// unsure tells whether a member is decoded, though it could be passed, to learn how loud it is.
func (p *member) unsure() bool {
	return p.level.Unsure() || p.level.Unknown() && !p.believed()
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
	m.passed = nil
	if speaker.played.Kind == jitter.Voice {
		if speaker.voice.Untested(now) || speaker.unsure() && !m.strained(now) {
			m.decode(now, speaker)
		}
		m.passed, m.last = speaker, append(m.last[:0], speaker.played.Payload...)
	}
	for _, listener := range m.members {
		switch {
		case listener == speaker || speaker.played.Kind == jitter.Nothing:
			listener.silent = true
		case speaker.played.Kind == jitter.Voice:
			m.send(listener, p)
		case speaker.played.Kind == jitter.Lost && !listener.silent:
			listener.sequence++
			listener.way.gaps++
		}
	}
}

func (m *mixing) send(listener *member, p rtc.Packet) {
	listener.sequence++
	listener.way.sent++
	p.Sequence, p.Timestamp, p.Marker = listener.sequence, m.time, listener.silent
	p.Leveled = p.Level >= hushed
	listener.silent = false
	m.wire = p
	_ = listener.leg.Write(&m.wire) // a leg that cannot be written to ends by itself
}
