package headless

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/conference/jitter"
	"github.com/linnetmesh/linnet/conference/mixer"
	"github.com/linnetmesh/linnet/conference/opus"
	"github.com/linnetmesh/linnet/conference/rtc"
)

// PhoneConfig says what a phone does.
type PhoneConfig struct {
	Endpoint *rtc.Endpoint // where its legs end
	Play     []float32     // what it says, at 48 kHz, from when it is first heard
	Loop     bool          // again and again
	Record   bool          // keep what it hears
	// Tell brings what became of tasks to whoever gives them. An error ends the phone. It is called from one goroutine.
	Tell func(ctx context.Context, r Report) error
}

// Report is what a phone tells of a peer: a description of a round, how many others are in the room, as the mixer says, or
// that media flow or do not.
type Report struct {
	Peer   string
	SDP    string
	Offer  bool
	Round  uint32
	Up     bool
	Room   bool // Others is what this is about
	Others int
}

// Phone carries the voice of a call that somebody else sets up: a leg for each peer, be it a device or a mixer. Whoever sets
// it up calls Connect, Describe, Restart, Leave and SetVoice; they are for one goroutine, while Run runs.
type Phone struct {
	cfg     PhoneConfig
	reports chan Report

	mu            sync.Mutex
	links         map[string]*line
	speak, listen bool
	played        int
	over          bool // played to its end
	heard         []float32
	counts        rtc.Counts // of legs that are over
}

// line is the leg to a peer.
type line struct {
	leg   *rtc.Leg // nil until there is one
	offer bool     // we offer
	round uint32
	up    bool
	ear   ear
	room  roomList
}

// linger is for how long a phone listens on after it played its file.
const linger = time.Second

// maxReports is how many reports of a phone may wait: ten a peer and restart are many.
const maxReports = 256

// NewPhone returns a phone, which does nothing before Run.
func NewPhone(cfg PhoneConfig) *Phone {
	return &Phone{cfg: cfg, links: make(map[string]*line), reports: make(chan Report, maxReports)}
}

// Run carries the voice until life ends, or a second after the file was played to its end. The error is that of Tell or of the
// codec.
func (p *Phone) Run(life context.Context) error {
	ctx, cancel := context.WithCancelCause(life)
	defer cancel(nil)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case r := <-p.reports:
				if err := p.cfg.Tell(ctx, r); err != nil {
					cancel(err)
					return
				}
			}
		}
	})
	cancel(p.sound(ctx))
	work.Wait()
	p.mu.Lock()
	var peers []string
	for peer := range p.links {
		peers = append(peers, peer)
	}
	p.mu.Unlock()
	for _, peer := range peers {
		p.Leave(peer)
	}
	if err := context.Cause(ctx); life.Err() == nil && !errors.Is(err, errPlayed) {
		return err
	}
	return nil
}

// Connect begins a link to a peer, with an offer or waiting for one.
func (p *Phone) Connect(ctx context.Context, peer string, offer bool) error {
	p.Leave(peer)
	l := &line{offer: offer}
	p.mu.Lock()
	p.links[peer] = l
	p.mu.Unlock()
	if !offer {
		return nil
	}
	return p.begin(ctx, peer, l)
}

// begin makes a leg and offers it.
func (p *Phone) begin(ctx context.Context, peer string, l *line) error {
	leg, sdp, err := p.cfg.Endpoint.Offer(ctx, rtc.Shape{}, p.ears(peer, l))
	if err != nil {
		return err
	}
	p.offered(peer, l, leg, sdp)
	return nil
}

func (p *Phone) offered(peer string, l *line, leg *rtc.Leg, sdp string) {
	p.mu.Lock()
	l.leg = leg
	l.round++
	round := l.round
	p.mu.Unlock()
	p.tell(Report{Peer: peer, SDP: sdp, Offer: true, Round: round})
}

// Describe takes an offer or answer of a peer. An error is that it does not fit; the link may yet work by another.
func (p *Phone) Describe(ctx context.Context, peer, sdp string, offer bool, round uint32) error {
	p.mu.Lock()
	l := p.links[peer]
	var leg *rtc.Leg
	if l != nil {
		leg = l.leg
	}
	p.mu.Unlock()
	switch {
	case l == nil || offer == l.offer:
		return nil // it was left meanwhile
	case !offer:
		if leg == nil || round != l.round {
			return nil
		}
		return leg.Accept(sdp)
	}
	var answer string
	err := errors.ErrUnsupported
	if leg != nil {
		if answer, err = leg.Again(ctx, sdp); err != nil {
			p.drop(leg)
		}
	}
	if err != nil {
		if leg, answer, err = p.cfg.Endpoint.Answer(ctx, sdp, p.ears(peer, l)); err != nil {
			return err
		}
		p.mu.Lock()
		l.leg = leg
		p.mu.Unlock()
	}
	p.tell(Report{Peer: peer, SDP: answer, Round: round})
	return nil
}

// Restart seeks another way to a peer. Who did not offer waits for the other.
func (p *Phone) Restart(ctx context.Context, peer string) error {
	p.mu.Lock()
	l := p.links[peer]
	p.mu.Unlock()
	if l == nil || !l.offer {
		return nil
	}
	if l.leg != nil {
		if sdp, err := l.leg.Restart(ctx); err == nil {
			p.offered(peer, l, l.leg, sdp)
			return nil
		}
		p.drop(l.leg)
	}
	return p.begin(ctx, peer, l)
}

// Leave ends the link to a peer, if there is one.
func (p *Phone) Leave(peer string) {
	p.mu.Lock()
	l := p.links[peer]
	delete(p.links, peer)
	p.mu.Unlock()
	if l != nil && l.leg != nil {
		p.drop(l.leg)
	}
}

// drop ends a leg, and waits until nothing is left of it.
func (p *Phone) drop(leg *rtc.Leg) {
	_ = leg.Close()
	<-leg.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts = plus(p.counts, leg.Counts())
}

// SetVoice says whether to send what is played, and whether to hear what comes.
func (p *Phone) SetVoice(speak, listen bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.speak, p.listen = speak, listen
}

// Heard returns what was heard since media first flowed, at 48 kHz, with silence while nothing came.
func (p *Phone) Heard() []float32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]float32(nil), p.heard...)
}

// Counts returns what all legs so far counted.
func (p *Phone) Counts() rtc.Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counts
	for _, l := range p.links {
		if l.leg != nil {
			c = plus(c, l.leg.Counts())
		}
	}
	return c
}

func (p *Phone) tell(r Report) {
	select {
	case p.reports <- r:
	default: // Tell has been stuck for long: the line tries again
	}
}

// ears are what a leg of a link calls.
func (p *Phone) ears(peer string, l *line) rtc.Ears {
	set := func(up bool) {
		p.mu.Lock()
		changed := l.up != up && p.links[peer] == l
		if changed {
			l.up = up
		}
		p.mu.Unlock()
		if changed {
			p.tell(Report{Peer: peer, Up: up})
		}
	}
	return rtc.Ears{
		Packet: func(q *rtc.Packet) { p.hear(l, q) },
		Told: func(message []byte) {
			p.mu.Lock()
			others, ok := l.room.take(message)
			ok = ok && p.links[peer] == l
			p.mu.Unlock()
			if ok {
				p.tell(Report{Peer: peer, Room: true, Others: others})
			}
		},
		Up:     set,
		Closed: func(error) { set(false) },
	}
}

func (p *Phone) hear(l *line, q *rtc.Packet) {
	n, ok := opus.Samples(q.Payload)
	if q.Codec != rtc.Opus || q.Slot != 0 || !ok || n%opus.Frame != 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// One that is late, twice or too large is passed over.
	_ = l.ear.buffer.Push(time.Now(), jitter.Packet{
		Sequence: q.Sequence, Timestamp: q.Timestamp, Level: q.Level, Frames: n / opus.Frame, Payload: q.Payload,
	})
}

// sound sends a frame to all, and hears one of each, every 20 ms.
func (p *Phone) sound(ctx context.Context) error {
	e, err := opus.NewEncoder(opus.Options{Complexity: 5, Loss: 10})
	if err != nil {
		return err
	}
	frame, packet := make([]float32, opus.Frame), []byte(nil)
	out := rtc.Packet{Codec: rtc.Opus, Leveled: true, Marker: true}
	next, end := time.Now(), time.Time{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		now := time.Now()
		legs := p.beat(now, frame)
		if p.ended() {
			if end.IsZero() {
				end = now.Add(linger)
			} else if now.After(end) {
				return errPlayed
			}
		}
		if packet, err = e.Encode(packet[:0], frame); err != nil {
			return err
		}
		out.Timestamp += opus.Frame
		out.Payload, out.Level = packet, mixer.Level(frame)
		if len(legs) > 0 {
			out.Sequence++
			for _, leg := range legs {
				_ = leg.Write(&out) // one that cannot take it says so by Closed
			}
		}
		out.Marker = len(legs) == 0
		if next = next.Add(tick); time.Since(next) > time.Second {
			next = now // the machine slept
		}
		timer.Reset(time.Until(next))
	}
}

func (p *Phone) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.over
}

// beat fills the next frame of what is to be said, hears the next of what came, and returns to whom to send.
func (p *Phone) beat(now time.Time, frame []float32) (legs []*rtc.Leg) {
	clear(frame)
	p.mu.Lock()
	defer p.mu.Unlock()
	up := false
	sum := make([]float32, opus.Frame)
	for _, l := range p.links {
		if played := l.ear.buffer.Pop(now); p.listen {
			_ = l.ear.add(sum, played) // what is no Opus is silence
		}
		up = up || l.up
		if l.up && p.speak {
			legs = append(legs, l.leg)
		}
	}
	if p.cfg.Record && (up || len(p.heard) > 0) && len(p.heard) < fileSize/4 {
		p.heard = append(p.heard, sum...)
	}
	if !up || len(p.cfg.Play) == 0 || p.over {
		return legs
	}
	copy(frame, p.cfg.Play[p.played:])
	if p.played += opus.Frame; p.played >= len(p.cfg.Play) {
		p.played, p.over = 0, !p.cfg.Loop
	}
	return legs
}
