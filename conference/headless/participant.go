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

// Config says what a participant does.
type Config struct {
	Endpoint *rtc.Endpoint // where its leg ends
	Way      Way
	Play     []float32 // what it says, at 48 kHz
	Loop     bool      // again and again
	Record   bool      // keep what it hears
	DTX      bool      // send nothing while it says nothing
	Voices   int       // streams to hear: 1 of a mixer, 2 of a forwarding node; 0 means 1
	// Seal and Open are for sealed rooms (SFrame): they append the sealed or opened frame to dst. Nil means none.
	Seal func(dst, frame []byte) ([]byte, error)
	Open func(dst, sealed []byte) ([]byte, error)
	// Notice gets what the room tells on the data channel. Nil means none.
	Notice func(message []byte)
	// Up is told when media flow, and when they stop. Nil means none.
	Up func(up bool)
	// Patience is for how long it tries to enter, at first and again. 0 means 30 s.
	Patience time.Duration
}

// Participant plays and records. Its methods may be called by several goroutines at once.
type Participant struct {
	cfg Config

	mu      sync.Mutex
	leg     *rtc.Leg
	streams []ear
	heard   []float32
	played  int // samples
	muted   bool
	counts  rtc.Counts // of legs that are over
	entries int
}

// tick is how often a frame is sent and one is heard.
const tick = 20 * time.Millisecond

// New returns a participant, who does nothing before Run.
func New(cfg Config) *Participant {
	cfg.Voices = max(cfg.Voices, 1)
	if cfg.Patience == 0 {
		cfg.Patience = 30 * time.Second
	}
	return &Participant{cfg: cfg, streams: make([]ear, cfg.Voices)}
}

// Run enters the room and stays, entering again when it was lost, until ctx ends, the file is played to its end, or it could
// not enter for Patience. It returns nil when it was in at the end.
func (p *Participant) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var sound sync.WaitGroup
	sound.Go(func() { p.speak(ctx, cancel) })
	defer sound.Wait()
	for {
		err := p.enter(ctx)
		if ctx.Err() != nil {
			if cause := context.Cause(ctx); !errors.Is(cause, errPlayed) && !errors.Is(cause, context.Canceled) {
				return cause
			}
			return nil
		}
		if err != nil {
			cancel(err)
			return err
		}
	}
}

var errPlayed = errors.New("headless: played to the end")

// enter enters, and stays until the leg is lost or ctx ends. An error is that it could not for Patience.
func (p *Participant) enter(ctx context.Context) error {
	deadline := time.Now().Add(p.cfg.Patience)
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		came, err := p.visit(ctx)
		if came || ctx.Err() != nil {
			return nil //nolint:nilerr // it was in, so it tries again
		}
		if time.Now().Add(wait).After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// visit is one leg, from offer to end. Came tells whether media ever flowed.
func (p *Participant) visit(ctx context.Context) (came bool, err error) {
	up := make(chan bool, 16)
	leg, offer, err := p.cfg.Endpoint.Offer(ctx, rtc.Shape{Voices: p.cfg.Voices}, rtc.Ears{
		Packet: p.hear,
		Told:   p.cfg.Notice,
		Up: func(is bool) {
			select {
			case up <- is:
			default:
			}
		},
	})
	if err != nil {
		return false, err
	}
	defer func() {
		_ = leg.Close()
		<-leg.Done()
	}()
	stay, answer, err := p.cfg.Way.Enter(ctx, offer)
	if err != nil {
		return false, err
	}
	defer func() { _ = stay.Close() }()
	if err := leg.Accept(answer); err != nil {
		return false, err
	}
	p.mu.Lock()
	p.leg = leg
	p.entries++
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.leg = nil
		p.counts = plus(p.counts, leg.Counts())
		p.mu.Unlock()
		if came && p.cfg.Up != nil {
			p.cfg.Up(false)
		}
	}()
	connect := time.NewTimer(10 * time.Second)
	defer connect.Stop()
	for {
		select {
		case is := <-up:
			if !is {
				return came, rtc.ErrFailed
			}
			connect.Stop()
			came = true
			if p.cfg.Up != nil {
				p.cfg.Up(true)
			}
		case <-connect.C:
			return came, rtc.ErrFailed
		case <-leg.Done():
			return came, leg.Err()
		case <-stay.Ended():
			return came, rtc.ErrFailed
		case <-ctx.Done():
			return came, nil
		}
	}
}

func (p *Participant) hear(q *rtc.Packet) {
	payload := q.Payload
	if q.Codec != rtc.Opus || q.Slot >= len(p.streams) {
		return
	}
	if p.cfg.Open != nil {
		var err error
		if payload, err = p.cfg.Open(nil, payload); err != nil {
			return // sealed for others, or by nobody we know
		}
	}
	n, ok := opus.Samples(payload)
	if !ok || n%opus.Frame != 0 {
		return
	}
	level := q.Level
	if !q.Leveled {
		level = 0 // a mixer tells it of what is quiet alone
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// One that is late, twice or too large is passed over.
	_ = p.streams[q.Slot].buffer.Push(time.Now(), jitter.Packet{
		Sequence: q.Sequence, Timestamp: q.Timestamp, Level: level, Frames: n / opus.Frame, Payload: payload,
	})
}

// speak sends a frame, and hears one, every 20 ms.
func (p *Participant) speak(ctx context.Context, cancel context.CancelCauseFunc) {
	e, err := opus.NewEncoder(opus.Options{Complexity: 5, Loss: 10, DTX: p.cfg.DTX})
	if err != nil {
		cancel(err)
		return
	}
	frame, packet := make([]float32, opus.Frame), []byte(nil)
	out := rtc.Packet{Codec: rtc.Opus, Leveled: true, Marker: true}
	silent := p.cfg.DTX && len(p.cfg.Play) == 0
	next := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		p.mu.Lock()
		leg, muted := p.leg, p.muted
		over := p.next(frame, leg != nil)
		p.listen(time.Now())
		p.mu.Unlock()
		if over {
			cancel(errPlayed)
			return
		}
		if silent {
			packet = packet[:0] // who never says anything codes nothing
		} else if packet, err = e.Encode(packet[:0], frame); err != nil {
			cancel(err)
			return
		}
		out.Timestamp += opus.Frame
		out.Sequence++
		if leg != nil && !muted && (!p.cfg.DTX || len(packet) > opus.Quiet) {
			p.send(leg, &out, packet, frame)
		} else {
			out.Sequence--
			out.Marker = true
		}
		if next = next.Add(tick); time.Since(next) > time.Second {
			next = time.Now() // the machine slept
		}
		timer.Reset(time.Until(next))
	}
}

func (p *Participant) send(leg *rtc.Leg, out *rtc.Packet, packet []byte, frame []float32) {
	out.Payload, out.Level = packet, mixer.Level(frame)
	if p.cfg.Seal != nil {
		sealed, err := p.cfg.Seal(nil, packet)
		if err != nil {
			return
		}
		out.Payload = sealed
	}
	if leg.Write(out) == nil {
		out.Marker = false
	}
}

// next takes the next frame of what is to be said, once it can be heard, and tells whether there was none left.
func (p *Participant) next(frame []float32, in bool) (over bool) {
	clear(frame)
	if !in || len(p.cfg.Play) == 0 {
		return false
	}
	if p.played >= len(p.cfg.Play) {
		if !p.cfg.Loop {
			return true
		}
		p.played = 0
	}
	copy(frame, p.cfg.Play[p.played:])
	p.played += len(frame)
	return false
}

// listen adds a frame of what is heard to the recording.
func (p *Participant) listen(now time.Time) {
	frame := make([]float32, opus.Frame)
	for i := range p.streams {
		if played := p.streams[i].buffer.Pop(now); p.cfg.Record {
			_ = p.streams[i].add(frame, played) // what is no Opus is silence
		}
	}
	if p.cfg.Record && len(p.heard) < fileSize/4 {
		p.heard = append(p.heard, frame...)
	}
}

// Heard returns what was heard since Run began but its first from samples, of which there are 48 000 a second.
func (p *Participant) Heard(from int) []float32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]float32(nil), p.heard[min(from, len(p.heard)):]...)
}

// HeardSamples returns how many samples were heard since Run began.
func (p *Participant) HeardSamples() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.heard)
}

// Clock returns, at one moment, how much was played of this round of the file, and how much was heard since Run began, in
// samples. Of two participants it tells what one says while the other hears what.
func (p *Participant) Clock() (played, heard int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.played, len(p.heard)
}

// Mute has the participant say nothing, or speak again.
func (p *Participant) Mute(muted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muted = muted
}

// Tell sends a message on the data channel.
func (p *Participant) Tell(message []byte) error {
	p.mu.Lock()
	leg := p.leg
	p.mu.Unlock()
	if leg == nil {
		return rtc.ErrClosed
	}
	return leg.Tell(message)
}

// Counts returns what all legs so far counted, and how often it entered.
func (p *Participant) Counts() (rtc.Counts, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counts
	if p.leg != nil {
		c = plus(c, p.leg.Counts())
	}
	return c, p.entries
}

func plus(a, b rtc.Counts) rtc.Counts {
	return rtc.Counts{
		SentPackets: a.SentPackets + b.SentPackets, SentBytes: a.SentBytes + b.SentBytes,
		HeardPackets: a.HeardPackets + b.HeardPackets, HeardBytes: a.HeardBytes + b.HeardBytes, Refused: a.Refused + b.Refused,
	}
}
