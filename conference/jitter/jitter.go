// Package jitter puts packets in order and hides how unevenly they came. Pure; takes now.
//
// A Buffer holds back what comes, for as short as the way allows, and gives one frame of 20 ms a beat. Each packet has its own
// delay: when it came, less when it was made. The quickest of the last seconds is the line; the time by which 97 of 100 were
// no later than that is what must be held back, and no more. When packets begin to come later it grows at once, by stretching a
// frame; when they come evenly again, or the beat was late itself, it shrinks within seconds: frames are passed over while
// nobody speaks, or two are folded into one.
//
//	made    |0|1|2|3|4|5|6|7|        each 20 ms
//	came      0 1  2     43 5 67     unevenly, perhaps in the wrong order
//	played      |0|1|2|~|3|4|5|6|7|  ~ stretched: 3 was not there yet
//
// A frame that is missing is lost if a sequence number is missing too, and is then mended with what the packet after it carries
// of it (FEC) or concealed; if none is, nobody spoke (DTX), and nothing is played.
package jitter

import (
	"errors"
	"slices"
	"time"
)

const (
	// Frame is what one Pop gives.
	Frame = 20 * time.Millisecond
	// Most is the most that is held back, to hide what the way does to the packets.
	Most = 200 * time.Millisecond
	// Size is how many frames a Buffer has room for. More that come at once push out the oldest.
	Size = 64
	// MaxPayload is the most bytes of a packet.
	MaxPayload = 1275
	// Conceal is for how many frames a voice goes on for which nothing comes any more.
	Conceal = 5
)

var (
	// ErrLate says that a packet came after its time was past.
	ErrLate = errors.New("jitter: too late")
	// ErrTwice says that the packet, or another of its time, is there already.
	ErrTwice = errors.New("jitter: twice")
	// ErrSize says that a packet is empty, too large, or of no whole number of frames.
	ErrSize = errors.New("jitter: bad size")
)

const (
	samples  = 960             // of a frame, in the clock of RTP
	window   = 128             // packets whose delays count
	memory   = 3 * time.Second // how long they do
	first    = Frame           // what is held back while little is known
	little   = 10              // packets: so few are little
	apart    = 2 * time.Second // a packet that is so far from the line begins another stream
	quiet    = 45              // -dBov: what is not louder may be passed over unheard
	dtx      = 2               // bytes of a packet that says that nobody speaks
	slack    = 0.3             // frames: so much too much or too little is left alone
	headlong = 12              // frames of too much: they are passed over at once
)

// Kind says what a Frame is.
type Kind uint8

// The kinds.
const (
	Nothing Kind = iota // nobody speaks
	Voice               // a packet
	More                // the next 20 ms of the last packet, which was longer
	Lost                // to be concealed, with Next if it is there
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{"nothing", "voice", "more", "lost"}[k&3]
}

// Packet is one of a stream's.
type Packet struct {
	Sequence  uint16
	Timestamp uint32 // 48 kHz
	Level     uint8  // in -dBov: which frames may be passed over unheard; 127 if unknown
	Frames    int    // how many frames of 20 ms it is of; 0 means 1
	Payload   []byte
}

// Played is what is to be played now. Its slices are the Buffer's, until the next Push.
type Played struct {
	Kind    Kind
	Level   uint8
	Payload []byte // of Voice
	Next    []byte // of Lost: the packet after it, if it is there
	Fold    []byte // of Voice: the packet before it, which is to be heard in the same 20 ms
}

// Stats are what a Buffer counts.
type Stats struct {
	Late, Twice, Lost, Stretched, Folded, Passed, Restarts uint64 // packets or frames
}

type place struct {
	full     bool
	number   int64
	sequence uint16
	level    uint8
	frames   int
	payload  []byte
}

type delay struct {
	at time.Time
	d  time.Duration
}

// Buffer orders one stream. The zero value is ready. One goroutine uses it at a time.
type Buffer struct {
	Stats Stats

	places [Size]place
	held   int // full places

	running bool
	epoch   time.Time // when the first packet came
	clock   uint32    // RTP time of the newest
	ticks   int64     // its time in samples since the first
	newest  int64     // the highest frame number that came

	playing   bool
	next      int64 // frame number that is played next
	last      uint16
	lastQuiet bool // the last packet that was played said that nobody speaks
	more      int  // frames that the last packet still is of
	stretched int  // frames that were concealed while waiting for next
	concealed int  // frames without a packet
	patience  int  // beats until the next fold or stretch

	delays  [window]delay
	count   int // packets in all
	line    time.Duration
	hold    time.Duration
	ordered []time.Duration
}

// Push takes a packet, whose payload it copies. The errors are ErrLate, ErrTwice and ErrSize; the packet is then passed over.
func (b *Buffer) Push(now time.Time, p Packet) error {
	if p.Frames == 0 {
		p.Frames = 1
	}
	if len(p.Payload) == 0 || len(p.Payload) > MaxPayload || p.Frames < 1 || p.Frames > 6 {
		return ErrSize
	}
	if !b.running {
		b.restart(now, p.Timestamp)
	}
	ticks := b.ticks + int64(int32(p.Timestamp-b.clock))
	number := ticks / samples
	d := now.Sub(b.epoch) - time.Duration(number)*Frame
	if off := d - b.line; off > apart || off < -apart || number < 0 && ticks < 0 && number < b.newest-Size {
		b.restart(now, p.Timestamp)
		b.Stats.Restarts++
		ticks, number = b.ticks, b.ticks/samples
		d = now.Sub(b.epoch) - time.Duration(number)*Frame
	}
	if ticks > b.ticks || b.count == 0 {
		b.ticks, b.clock = ticks, p.Timestamp
	}
	b.delays[b.count%window] = delay{now, d}
	b.count++
	late := number < b.next
	if b.count < little || b.count%8 == 0 || late {
		b.measure(now)
	}
	if late {
		b.Stats.Late++
		return ErrLate
	}
	b.makeRoom(number)
	s := &b.places[number&(Size-1)]
	if s.full {
		b.Stats.Twice++
		return ErrTwice
	}
	s.full, s.number, s.sequence, s.level, s.frames = true, number, p.Sequence, p.Level, p.Frames
	s.payload = append(s.payload[:0], p.Payload...)
	b.held++
	b.newest = max(b.newest, number)
	return nil
}

// restart begins another stream.
func (b *Buffer) restart(now time.Time, timestamp uint32) {
	for i := range b.places {
		b.places[i].full = false
	}
	b.held, b.running, b.playing, b.epoch = 0, true, false, now
	b.clock, b.ticks, b.newest, b.next = timestamp, Size*samples, Size, 0
	b.more, b.stretched, b.concealed, b.count = 0, 0, 0, 0
	b.line, b.hold = -Size*Frame, first
}

// makeRoom passes over what is so old that number would have no place.
func (b *Buffer) makeRoom(number int64) {
	if number < b.next+Size {
		return
	}
	b.drop(number - Size + 1)
}

// drop passes over all frames before next.
func (b *Buffer) drop(next int64) {
	for i := range b.places {
		if s := &b.places[i]; s.full && s.number < next {
			s.full = false
			b.held--
			b.Stats.Passed++
		}
	}
	b.next, b.more, b.stretched = next, 0, 0
}

// measure finds the line, and how much is to be held back.
func (b *Buffer) measure(now time.Time) {
	b.ordered = b.ordered[:0]
	n := min(b.count, window)
	for i := range n {
		e := b.delays[(b.count-1-i)%window]
		if i >= little && now.Sub(e.at) > memory {
			break
		}
		b.ordered = append(b.ordered, e.d)
	}
	slices.Sort(b.ordered)
	b.line = b.ordered[0]
	b.hold = b.ordered[(len(b.ordered)-1)*97/100] - b.line
	if b.count < little {
		b.hold = max(b.hold, first)
	}
	b.hold = min(b.hold, Most)
}

// Pop returns what is to be played, once every 20 ms.
func (b *Buffer) Pop(now time.Time) Played {
	if !b.running {
		return Played{}
	}
	if b.more > 0 {
		b.more--
		b.next++
		return Played{Kind: More}
	}
	due := float64(now.Sub(b.epoch)-b.line-b.hold) / float64(Frame) // the frame whose time is now
	if !b.playing {
		s := b.earliest()
		if s == nil || due < float64(s.number) {
			return Played{}
		}
		b.next, b.playing, b.stretched, b.concealed = s.number, true, 0, 0
	}
	if due-float64(b.next) > headlong {
		b.drop(int64(due))
	}
	if s := b.at(b.next); s != nil {
		return b.voice(due, s)
	}
	return b.gap(due)
}

func (b *Buffer) at(number int64) *place {
	if s := &b.places[number&(Size-1)]; s.full && s.number == number {
		return s
	}
	return nil
}

// earliest returns the first packet that is there.
func (b *Buffer) earliest() *place {
	for number := b.next; b.held > 0 && number <= b.newest; number++ {
		if s := b.at(number); s != nil {
			return s
		}
		if number-b.next >= Size {
			break
		}
	}
	return nil
}

func (b *Buffer) take(s *place) []byte {
	s.full = false
	b.held--
	b.next = s.number + 1
	b.last, b.lastQuiet = s.sequence, len(s.payload) <= dtx
	b.more, b.stretched, b.concealed = s.frames-1, 0, 0
	return s.payload
}

// voice plays a packet; if more is held back than need be, it takes two at once now and then.
func (b *Buffer) voice(due float64, s *place) Played {
	over := due - float64(s.number)
	b.patience--
	if over < -1 && b.patience <= 0 { // too little is held back
		b.patience = 3
		b.Stats.Stretched++
		return Played{Kind: Lost}
	}
	if over > 1+slack && s.frames == 1 {
		second := b.at(s.number + 1)
		unheard := s.level >= quiet || b.patience < -25
		ready := b.patience <= 0
		if over > 3 {
			unheard, ready = true, b.patience <= 8
		}
		if second != nil && second.frames == 1 && unheard && ready {
			fold := b.take(s)
			b.patience = 10
			b.Stats.Folded++
			return Played{Kind: Voice, Level: second.level, Payload: b.take(second), Fold: fold}
		}
	}
	return Played{Kind: Voice, Level: s.level, Payload: b.take(s)}
}

// gap decides what is played in the place of a packet that is not there.
func (b *Buffer) gap(due float64) Played {
	s := b.earliest()
	switch {
	case s != nil && s.sequence == b.last+1: // none is missing: nobody spoke
		if due < float64(s.number) {
			b.playing = false
			return Played{}
		}
		b.next = s.number
		return b.voice(due, s)
	case s != nil: // lost
		if skip := min(int64(b.stretched), s.number-b.next); skip > 0 { // what was stretched stood for it already
			b.next += skip
			b.stretched = 0
			if b.next == s.number {
				return b.voice(due, s)
			}
		}
		if s.number-b.next > Conceal+1 && b.concealed >= Conceal {
			b.playing = false
			return Played{}
		}
		b.concealed++
		b.Stats.Lost++
		p := Played{Kind: Lost}
		if s.number == b.next+1 {
			p.Next = s.payload
		}
		b.next++
		return p
	case b.lastQuiet, b.concealed >= Conceal: // over
		b.playing = false
		return Played{}
	default: // late, perhaps
		b.concealed++
		b.stretched++
		b.Stats.Stretched++
		return Played{Kind: Lost}
	}
}

// Held returns how many packets are held back.
func (b *Buffer) Held() int { return b.held }

// Delay returns how much is held back now to hide what the way does.
func (b *Buffer) Delay() time.Duration { return b.hold }

// Playing tells whether the stream is within a stretch of speech.
func (b *Buffer) Playing() bool { return b.playing || b.held > 0 }
