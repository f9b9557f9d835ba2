package mixer

import "math"

// Leveler brings voices to an even loudness, slowly. Each voice has its own; the zero value is ready, and takes a voice to be
// as it should be until it has heard otherwise.
//
//	dBov  -60        -40        -30        -26        -18        -14         0
//	       |    +18   |  louder  |  as it was |  0 dB  |  as it was |  quieter, -18 at most
//
// A voice within the dead band in the middle has a gain of exactly 0 dB, so that it can be passed on as it came; at its rims what
// was so stays so, so that a voice there does not go to and fro.
//
// What a voice claims beside its packets (Claim) only gives cause to look (Unsure); the gain goes by what was found in decoded
// frames alone (Measure), and moves only with frames of speech that are heard (Apply). So a lie costs a look, and a gain is
// kept over pauses.
type Leveler struct {
	gain   float64 // dB
	on     bool    // the voice is out of the dead band
	moving bool
	look   bool    // it claims to be out of the dead band
	spent  float64 // frames of looking, less those that are earned again
	speech bool    // the last frame that was measured is of speech
	met    int     // frames of speech that were measured, up to known
	found  loudness
	said   loudness // as claimed, or as found if it was
	limit  Limiter
}

const (
	aim    = -22.0 // dBov: a quarter of a good voice's frames of speech are louder; its mean power is some 1.5 dB less
	reach  = 18.0  // dB: the most that is changed
	cause  = 8.0   // dB from the aim, as claimed, from which one looks
	looks  = 200   // frames, at most, that one looks
	earned = 0.1   // of which this much a frame is earned again by passing: so much work may a lie cost
	known  = 300   // frames: 6 s of speech
	begin  = 7.0   // and as found, from which the voice is changed
	end    = 4.0   // and until which it is
	slack  = 2.5   // dB by which a gain may be wrong before it moves
	up     = 4.0 / 50
	down   = 8.0 / 50 // dB a frame, of speech
	hiss   = -45.0    // dBov: noise is not made louder than this
	raised = 0.5      // how far a voice that is made much louder may swing
	full   = 6.0      // dB: much louder
)

// Claim takes the level, in -dBov, that came with a frame that is not decoded. It is for who is believed (Voice.Believed).
func (l *Leveler) Claim(level uint8) {
	l.said.hear(level)
	l.spent = max(l.spent-earned, 0)
	l.doubt()
}

// Measure takes how loud a frame was, in -dBov, before any change.
func (l *Leveler) Measure(level uint8) {
	if l.speech = l.found.hear(level); l.speech && l.met < known {
		l.met++
	}
	l.said.hear(level)
	switch want := math.Abs(l.found.wanted()); {
	case want > begin:
		l.on = true
	case want < end:
		l.on = false
	}
	if l.look {
		l.spent++
	}
	l.doubt()
}

func (l *Leveler) doubt() {
	switch want := math.Abs(l.said.wanted()); {
	case want < end, l.spent > looks:
		l.look = false
	case want > cause && l.spent < looks/2:
		l.look = true
	}
}

// Unsure tells whether frames should be decoded to find how loud the voice is: as it claims, it should be changed.
func (l *Leveler) Unsure() bool { return l.look && !l.on }

// Unknown tells whether little of the voice was measured so far. One that claims nothing, or is not believed, should then be decoded.
func (l *Leveler) Unknown() bool { return l.met < known }

// Needed tells whether the voice is changed, or is about to be.
func (l *Leveler) Needed() bool { return l.on || l.gain != 0 }

// Gain returns by how many dB the voice is changed now.
func (l *Leveler) Gain() float64 { return l.gain }

// Apply changes the frame that was measured last, or one that stands for one that is lost, of at most 960 samples.
func (l *Leveler) Apply(frame []float32) {
	from := l.gain
	if l.speech {
		l.move()
	}
	l.speech = false
	if from == 0 && l.gain == 0 {
		l.limit = Limiter{}
		return
	}
	a, b := float32(math.Pow(10, from/20)), float32(math.Pow(10, l.gain/20))
	step := (b - a) / float32(len(frame))
	for i := range frame {
		frame[i] *= a
		a += step
	}
	// Whoever is made louder may come nearer, or shout, before the gain is down again.
	if much := min(max(from, l.gain)/full, 1); much > 0 {
		l.limit.limit(frame, float32(ceiling-(ceiling-raised)*much))
	}
}

// move takes the gain a step towards what is wanted.
func (l *Leveler) move() {
	to := 0.0
	if l.on {
		to = l.found.wanted()
	}
	off := to - l.gain
	switch {
	case off == 0:
		l.moving = false
	case off > slack || off < -slack || !l.on:
		l.moving = true
	}
	if !l.moving {
		return
	}
	l.gain += min(max(off, -down), up)
	l.moving = l.gain != to
}

// loudness is how loud a voice is while it speaks: the level that a quarter of its frames of speech exceed. It is found by steps,
// so that one crack weighs no more than one syllable.
type loudness struct {
	off    float64 // dB from the aim
	quiet  float64 // -dBov: the quietest frame of this stretch, and of the last
	before float64
	frames int // of this stretch
}

const (
	weight  = 0.3  // dB
	stretch = 100  // frames
	above   = 8.0  // dB: noise is even, and speech is not
	nothing = 90   // -dBov: what is quieter is a gate that is shut, and tells nothing about noise
	unheard = 80.0 // -dBov: nobody minds noise that is quieter
)

// hear takes a frame, and tells whether it is of speech.
func (l *loudness) hear(level uint8) bool {
	at := -float64(min(level, Silent))
	if level < nothing {
		l.quiet = max(l.quiet, -at)
	}
	if l.frames++; l.frames >= stretch {
		l.before, l.quiet, l.frames = l.quiet, 0, 0
	}
	if at < threshold || at < above-l.noise() && at < aim+begin {
		return false
	}
	if at > aim+l.off {
		l.off += weight * 3 / 4
	} else {
		l.off -= weight / 4
	}
	return true
}

// noise is how loud the pauses are, in -dBov.
func (l *loudness) noise() float64 { return min(max(l.quiet, l.before), unheard) }

// wanted is the gain that it should have, in dB.
func (l *loudness) wanted() float64 {
	most := min(max(hiss+l.noise(), 0), reach)
	return min(max(-l.off, -reach), most)
}
