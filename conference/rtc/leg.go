package rtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// Ears are what a leg calls when something happens. Each may be nil. They are called from goroutines of the leg, and must
// return soon; none is called after Closed.
type Ears struct {
	Packet   func(p *Packet)      // p and its payload are the leg's again when it returns
	Told     func(message []byte) // on the data channel, at most messageSize bytes; the caller's own
	Open     func()               // the data channel is
	Up       func(up bool)        // media can flow, or cannot for now
	Report   func(slot int, lost float64)
	Keyframe func(slot int) // of video, which the leg needs to go on
	Closed   func(why error)
}

// Shape says what a client's leg asks for. The zero value is one voice each way.
type Shape struct {
	Voices int  // streams of audio to be heard, 0 means 1
	Videos int  // streams of video to be seen
	Camera bool // send video
}

// Rates that no honest leg reaches. More is passed over, and very much more ends the leg.
const (
	mostPackets = 2000 // a second, of all streams of a leg: 10 ms of Opus and 5 Mbit/s of video have 700
	floodFactor = 4
	mostFailed  = 100 // packets in a row that are of no agreed type
)

// Leg is one PeerConnection. Its methods may be called by several goroutines at once; Accept, Again and Restart wait for
// each other.
type Leg struct {
	e     *Endpoint
	pc    *webrtc.PeerConnection
	ears  Ears
	lite  bool
	audio []*slot
	video []*slot

	most int64 // packets a second

	turn sync.Mutex // of descriptions
	data atomic.Pointer[webrtc.DataChannel]

	sentPackets, sentBytes, heardPackets, heardBytes, refused atomic.Uint64
	second, inSecond                                          atomic.Int64
	stuck                                                     atomic.Int64 // since when writing fails, Unix ns

	up     atomic.Bool
	once   sync.Once
	why    error
	done   chan struct{}
	doomed *time.Timer
}

// Counts are what a leg counts.
type Counts struct {
	SentPackets, SentBytes, HeardPackets, HeardBytes uint64 // media, without headers
	Refused                                          uint64 // packets over the rates
}

// newLeg makes a leg, unless there are too many.
func (e *Endpoint) newLeg(ears Ears, video bool) (*Leg, error) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, ErrClosed
	}
	if len(e.legs) >= e.cfg.Legs {
		e.mu.Unlock()
		return nil, ErrFull
	}
	l := &Leg{e: e, ears: ears, lite: e.cfg.Lite, most: mostPackets, done: make(chan struct{})}
	e.legs[l] = true
	e.work.Add(1)
	e.mu.Unlock()

	cfg := webrtc.Configuration{Certificates: []webrtc.Certificate{e.cert}, BundlePolicy: webrtc.BundlePolicyMaxBundle}
	for _, s := range e.cfg.Servers {
		cfg.ICEServers = append(cfg.ICEServers, webrtc.ICEServer{URLs: []string{s.URL}, Username: s.User, Credential: s.Pass})
	}
	api := e.voice
	if video {
		api = e.api
	}
	pc, err := api.NewPeerConnection(cfg)
	if err != nil {
		e.mu.Lock()
		delete(e.legs, l)
		e.mu.Unlock()
		e.work.Done()
		return nil, fmt.Errorf("making a leg: %w", err)
	}
	l.pc = pc
	// A leg of which nothing comes goes.
	l.doomed = time.AfterFunc(e.cfg.Patience, func() {
		if !l.up.Load() {
			l.end(ErrFailed)
		}
	})
	pc.OnConnectionStateChange(l.changed)
	pc.OnTrack(l.track)
	pc.OnDataChannel(func(d *webrtc.DataChannel) {
		if d.Label() == channelName && l.data.Load() == nil {
			l.channel(d)
		}
	})
	return l, nil
}

const channelName = "linnet"

// Answer makes a leg from an offer, and returns the answer. It sends to each m-line that wants to receive: see Slots. The
// error is ErrOffer, ErrFull or ErrClosed, or says what pion could not do.
func (e *Endpoint) Answer(ctx context.Context, offer string, ears Ears) (*Leg, string, error) {
	if err := checkSDP(offer); err != nil {
		return nil, "", err
	}
	l, err := e.newLeg(ears, strings.Contains(offer, "\nm=video"))
	if err != nil {
		return nil, "", err
	}
	l.turn.Lock()
	defer l.turn.Unlock()
	answer, err := l.answer(ctx, offer, true)
	if err != nil {
		l.end(err)
		return nil, "", err
	}
	return l, answer, nil
}

func (l *Leg) answer(ctx context.Context, offer string, first bool) (string, error) {
	if l.lite {
		offer = withoutCandidates(offer)
	}
	var answer string
	err := guarded(func() error {
		if err := l.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
			return fmt.Errorf("%w: %w", ErrOffer, err)
		}
		if first {
			if err := l.addSlots(offer); err != nil {
				return err
			}
		}
		a, err := l.pc.CreateAnswer(nil)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrOffer, err)
		}
		answer, err = l.describe(ctx, a)
		return err
	})
	return answer, err
}

// describe sets the own description and returns it with its candidates.
func (l *Leg) describe(ctx context.Context, d webrtc.SessionDescription) (string, error) {
	gathered := webrtc.GatheringCompletePromise(l.pc)
	if err := l.pc.SetLocalDescription(d); err != nil {
		return "", fmt.Errorf("describing this side: %w", err)
	}
	select {
	case <-gathered:
	case <-l.done:
		return "", l.why
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	local := l.pc.LocalDescription()
	if local == nil {
		return "", ErrClosed
	}
	return local.SDP, nil
}

// addSlots gives a stream to each m-line that wants one.
func (l *Leg) addSlots(offer string) error {
	wants := wanting(offer)
	for _, t := range l.pc.GetTransceivers() {
		if !wants[t.Mid()] {
			continue
		}
		s := &slot{kind: t.Kind()}
		list := &l.audio
		if t.Kind() == webrtc.RTPCodecTypeVideo {
			list = &l.video
		}
		s.id = fmt.Sprintf("%v%d", t.Kind(), len(*list))
		if len(*list) >= maxSlots {
			continue
		}
		*list = append(*list, s)
		sender, err := l.pc.AddTrack(s)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrOffer, err)
		}
		if t.Sender() != sender {
			return fmt.Errorf("%w: what sends must stand after what receives", ErrOffer)
		}
		l.listen(sender, len(*list)-1)
	}
	return nil
}

// wanting returns the names of m-lines whose side wants to receive.
func wanting(sdp string) map[string]bool {
	wants, mid, receives := map[string]bool{}, "", true
	flush := func() {
		if mid != "" {
			wants[mid] = receives
		}
	}
	for line := range strings.Lines(sdp) {
		switch line = strings.TrimRight(line, "\r\n"); {
		case strings.HasPrefix(line, "m="):
			flush()
			mid, receives = "", true
		case strings.HasPrefix(line, "a=mid:"):
			mid = line[len("a=mid:"):]
		case line == "a=sendonly", line == "a=inactive":
			receives = false
		}
	}
	flush()
	return wants
}

// Offer makes a client's leg, and returns what to offer. Accept goes on with it.
func (e *Endpoint) Offer(ctx context.Context, shape Shape, ears Ears) (*Leg, string, error) {
	l, err := e.newLeg(ears, shape.Videos > 0)
	if err != nil {
		return nil, "", err
	}
	l.turn.Lock()
	defer l.turn.Unlock()
	offer, err := l.offer(ctx, shape)
	if err != nil {
		l.end(err)
		return nil, "", err
	}
	return l, offer, nil
}

func (l *Leg) offer(ctx context.Context, shape Shape) (string, error) {
	add := func(kind webrtc.RTPCodecType, sends bool) error {
		if !sends {
			_, err := l.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
			return err
		}
		s, list := &slot{kind: kind, id: kind.String()}, &l.audio
		if kind == webrtc.RTPCodecTypeVideo {
			list = &l.video
		}
		*list = append(*list, s)
		t, err := l.pc.AddTransceiverFromTrack(s, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendrecv})
		if err == nil {
			l.listen(t.Sender(), 0)
		}
		return err
	}
	for i := range max(shape.Voices, 1) {
		if err := add(webrtc.RTPCodecTypeAudio, i == 0); err != nil {
			return "", fmt.Errorf("adding audio: %w", err)
		}
	}
	for i := range max(shape.Videos, 0) {
		if err := add(webrtc.RTPCodecTypeVideo, i == 0 && shape.Camera); err != nil {
			return "", fmt.Errorf("adding video: %w", err)
		}
	}
	d, err := l.pc.CreateDataChannel(channelName, nil)
	if err != nil {
		return "", fmt.Errorf("adding data: %w", err)
	}
	l.channel(d)
	return l.reoffer(ctx, nil)
}

func (l *Leg) reoffer(ctx context.Context, options *webrtc.OfferOptions) (string, error) {
	o, err := l.pc.CreateOffer(options)
	if err != nil {
		return "", fmt.Errorf("offering: %w", err)
	}
	return l.describe(ctx, o)
}

// Accept takes the answer to the last offer.
func (l *Leg) Accept(answer string) error {
	if err := checkSDP(answer); err != nil {
		return err
	}
	l.turn.Lock()
	defer l.turn.Unlock()
	return guarded(func() error {
		if err := l.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
			return fmt.Errorf("%w: %w", ErrOffer, err)
		}
		return nil
	})
}

// Restart returns an offer that seeks another way (an ICE restart). Accept goes on with it.
func (l *Leg) Restart(ctx context.Context) (string, error) {
	l.turn.Lock()
	defer l.turn.Unlock()
	if l.pc.SignalingState() == webrtc.SignalingStateHaveLocalOffer {
		// The last offer was never answered: it is offered again.
		if err := l.pc.SetLocalDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeRollback}); err != nil {
			return "", fmt.Errorf("taking an offer back: %w", err)
		}
	}
	return l.reoffer(ctx, &webrtc.OfferOptions{ICERestart: true})
}

// Again answers another offer of the same leg.
func (l *Leg) Again(ctx context.Context, offer string) (string, error) {
	if err := checkSDP(offer); err != nil {
		return "", err
	}
	l.turn.Lock()
	defer l.turn.Unlock()
	return l.answer(ctx, offer, false)
}

// Slots returns how many streams of audio and video the leg takes.
func (l *Leg) Slots() (audio, video int) { return len(l.audio), len(l.video) }

// Write sends a packet in the slot that it names. What the leg cannot take now, or has no slot for, is passed over without
// an error. It does not block, keeps nothing of p, and is safe for several goroutines, though each slot is one's own.
func (l *Leg) Write(p *Packet) error {
	slots := l.audio
	if p.Codec != Opus {
		slots = l.video
	}
	if p.Slot >= len(slots) || !l.up.Load() {
		return nil
	}
	n, err := slots[p.Slot].write(p)
	if err != nil {
		return l.failing(err)
	}
	if n > 0 {
		l.sentPackets.Add(1)
		l.sentBytes.Add(uint64(len(p.Payload)))
		l.stuck.Store(0)
	}
	return nil
}

// failing ends a leg to which nothing could be written for some seconds: over TCP that is one that does not read.
func (l *Leg) failing(err error) error {
	if errors.Is(err, io.ErrClosedPipe) {
		return ErrClosed
	}
	now := time.Now().UnixNano()
	if !l.stuck.CompareAndSwap(0, now) && time.Duration(now-l.stuck.Load()) > 5*time.Second {
		l.end(ErrSlow)
		return ErrSlow
	}
	return nil
}

// Open tells whether the data channel is open.
func (l *Leg) Open() bool {
	d := l.data.Load()
	return d != nil && d.ReadyState() == webrtc.DataChannelStateOpen
}

// Tell sends a message of at most 16 KiB on the data channel. One that does not fit behind what the leg has not read yet
// ends the leg with ErrSlow. It does nothing while the channel is not open.
func (l *Leg) Tell(message []byte) error {
	d := l.data.Load()
	if !l.Open() || len(message) > messageSize {
		return nil
	}
	if d.BufferedAmount()+uint64(len(message)) > queueSize {
		l.end(ErrSlow)
		return ErrSlow
	}
	if err := d.Send(message); err != nil {
		return fmt.Errorf("telling: %w", err)
	}
	return nil
}

// RequestKeyframe asks the sender of a video stream (Packet.Slot) for a key frame.
func (l *Leg) RequestKeyframe(slot int) {
	n := 0
	for _, t := range l.pc.GetTransceivers() {
		if t.Kind() != webrtc.RTPCodecTypeVideo {
			continue
		}
		if n == slot && t.Receiver() != nil {
			var ask []rtcp.Packet
			for _, track := range t.Receiver().Tracks() {
				ask = append(ask, &rtcp.PictureLossIndication{MediaSSRC: uint32(track.SSRC())})
			}
			_ = l.pc.WriteRTCP(ask) // a lost one is asked for again
		}
		n++
	}
}

// Counts returns what was counted so far.
func (l *Leg) Counts() Counts {
	return Counts{
		SentPackets: l.sentPackets.Load(), SentBytes: l.sentBytes.Load(),
		HeardPackets: l.heardPackets.Load(), HeardBytes: l.heardBytes.Load(), Refused: l.refused.Load(),
	}
}

// Close ends the leg. Nothing of it is left when Done is closed.
func (l *Leg) Close() error {
	l.end(ErrClosed)
	return nil
}

// CloseFor ends the leg for a reason, which Closed is told.
func (l *Leg) CloseFor(why error) { l.end(why) }

// Done is closed when nothing of the leg is left; then Err says why it ended.
func (l *Leg) Done() <-chan struct{} { return l.done }

// Err returns why the leg ended, after Done.
func (l *Leg) Err() error {
	select {
	case <-l.done:
		return l.why
	default:
		return nil
	}
}

// end begins to end the leg, and returns at once: it may be called from pion's goroutines, which closing waits for.
func (l *Leg) end(why error) {
	l.once.Do(func() {
		l.why = why
		l.up.Store(false)
		if l.doomed != nil {
			l.doomed.Stop()
		}
		go func() {
			defer l.e.work.Done()
			_ = l.pc.GracefulClose()
			l.e.mu.Lock()
			delete(l.e.legs, l)
			l.e.mu.Unlock()
			close(l.done)
			if l.ears.Closed != nil {
				l.ears.Closed(why)
			}
		}()
	})
}

func (l *Leg) changed(s webrtc.PeerConnectionState) {
	switch s {
	case webrtc.PeerConnectionStateConnected:
		l.setUp(true)
	case webrtc.PeerConnectionStateDisconnected:
		l.setUp(false)
	case webrtc.PeerConnectionStateFailed:
		l.setUp(false)
		if l.lite {
			l.end(ErrFailed)
		}
	case webrtc.PeerConnectionStateClosed:
		l.end(ErrFailed) // the other side said goodbye
	default:
	}
}

func (l *Leg) setUp(up bool) {
	if l.up.Swap(up) != up && l.ears.Up != nil {
		l.ears.Up(up)
	}
	if !up && l.lite {
		l.doomed.Reset(l.e.cfg.Patience)
	}
}

func (l *Leg) channel(d *webrtc.DataChannel) {
	l.data.Store(d)
	d.OnMessage(func(m webrtc.DataChannelMessage) {
		if l.admit(len(m.Data)) && l.ears.Told != nil {
			l.ears.Told(m.Data)
		}
	})
	if l.ears.Open != nil {
		d.OnOpen(l.ears.Open)
	}
}

// admit counts what comes, and says whether it is within the rates.
func (l *Leg) admit(size int) bool {
	now := time.Now().Unix()
	if l.second.Swap(now) != now {
		l.inSecond.Store(0)
	}
	switch n := l.inSecond.Add(1); {
	case n > floodFactor*l.most:
		l.end(ErrFlood)
		fallthrough
	case n > l.most:
		l.refused.Add(1)
		return false
	}
	l.heardPackets.Add(1)
	l.heardBytes.Add(uint64(size))
	return true
}

// track reads a stream until it ends.
func (l *Leg) track(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	go drain(r)
	codec, id := codecOf(t.Codec().MimeType), uint8(0)
	for _, x := range r.GetParameters().HeaderExtensions {
		if x.URI == levelURI {
			id = uint8(x.ID)
		}
	}
	p := Packet{Codec: codec, Slot: l.place(r, t.Kind()), Layer: t.RID()}
	buf := make([]byte, 1500)
	var h rtp.Header
	for failed := 0; ; {
		n, _, err := t.Read(buf)
		if err != nil {
			// A packet of a type that was not agreed on is passed over, and does not end the stream.
			if failed++; errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || failed > mostFailed {
				return
			}
			continue
		}
		failed = 0
		size, err := h.Unmarshal(buf[:n])
		if err != nil || codec == 0 {
			continue
		}
		end := n
		if h.Padding {
			if end -= int(buf[n-1]); end < size || buf[n-1] == 0 {
				continue
			}
		}
		if !l.admit(n) || end == size || l.ears.Packet == nil {
			continue
		}
		p.Sequence, p.Timestamp, p.Marker, p.Payload = h.SequenceNumber, h.Timestamp, h.Marker, buf[size:end]
		p.Level, p.Leveled = level(&h, id)
		l.ears.Packet(&p)
	}
}

// place returns the how-manieth m-line of its kind a receiver is. The list of transceivers is pion's own.
func (l *Leg) place(r *webrtc.RTPReceiver, kind webrtc.RTPCodecType) int {
	n := 0
	for _, t := range l.pc.GetTransceivers() {
		if t.Receiver() == r {
			return n
		}
		if t.Kind() == kind {
			n++
		}
	}
	return 0
}

// drain has the interceptors see the sender reports of a stream.
func drain(r *webrtc.RTPReceiver) {
	b := make([]byte, 1500)
	for {
		if _, _, err := r.Read(b); err != nil {
			return
		}
	}
}

// listen reads what the leg reports of a stream to it.
func (l *Leg) listen(s *webrtc.RTPSender, slot int) {
	go func() {
		b := make([]byte, 1500)
		for {
			n, _, err := s.Read(b)
			if err != nil {
				return
			}
			packets, err := rtcp.Unmarshal(b[:n])
			if err != nil {
				continue
			}
			for _, p := range packets {
				l.reported(p, slot)
			}
		}
	}()
}

func (l *Leg) reported(p rtcp.Packet, slot int) {
	switch p := p.(type) {
	case *rtcp.ReceiverReport:
		if l.ears.Report == nil || len(p.Reports) == 0 {
			return
		}
		worst := uint8(0)
		for _, r := range p.Reports {
			worst = max(worst, r.FractionLost)
		}
		l.ears.Report(slot, float64(worst)/256)
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		if l.ears.Keyframe != nil {
			l.ears.Keyframe(slot)
		}
	}
}
