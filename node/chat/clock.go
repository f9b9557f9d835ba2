package chat

import (
	"math"
	"time"
)

// How far clocks may be from each other.
const (
	// MaxAhead is how far another's time may be ahead of ours to drag our Clock with it, and for a message to be shown at
	// its own time. It covers a clock set to the wrong zone or date by a day. As long as the clocks of all who talk differ by
	// less, an answer is later than what it answers.
	MaxAhead = 24 * time.Hour
	// MaxBehind is how far a message's time may be behind its coming to be shown at its own time: a month in the
	// outbox, a month on relays, and a day.
	MaxBehind = 61 * 24 * time.Hour
)

// Time is hybrid logical: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16. Of one author, later
// things have a higher Time. The zero Time is none.
type Time uint64

const (
	counterBits = 16
	maxMS       = 1<<48 - 1
	maxNow      = 1<<47 - 1 // year 6429: a wrong clock leaves room above
)

// At returns the first Time of the millisecond, between 1970 and the year 6429.
func At(t time.Time) Time { return Time(min(max(t.UnixMilli(), 1), maxNow)) << counterBits }

func (t Time) ms() uint64 { return uint64(t >> counterBits) }

// Time returns the time to the millisecond.
func (t Time) Time() time.Time { return time.UnixMilli(int64(t.ms())).UTC() }

// within tells whether t is at most behind before r and at most ahead after it.
func (t Time) within(r Time, behind, ahead time.Duration) bool {
	d := int64(t.ms()) - int64(r.ms())
	return -behind.Milliseconds() <= d && d <= ahead.Milliseconds()
}

// place returns where in a conversation something of time t stands that came at received: at its own time, or where it
// came if that time cannot be right. So a clock that is wrong by years neither hides a message in the past nor nails it
// to the end.
func place(t, received Time) Time {
	if t.within(received, MaxBehind, MaxAhead) {
		return t
	}
	return received
}

// Clock is a hybrid logical clock ("Logical Physical Clocks", Kulkarni and others, 2014), one for each conversation, so
// that a friend's wrong clock is no other friend's business. It is a value to be stored with what it stamped. The zero
// Clock has seen nothing.
type Clock struct {
	last Time
}

// ParseClock returns the clock whose Last was stored.
func ParseClock(last Time) Clock { return Clock{last} }

// Last returns the highest Time that the clock gave or saw.
func (c Clock) Last() Time { return c.last }

// Tick returns the Time of something that is said now: higher than all that the clock gave and saw, not below now, and
// at most MaxAhead beyond it. If the clock is further than that, our own time was wrong and was set back: it begins anew.
//
// What takes the place of an earlier change of the same account (an edit of an edit, another reaction) gives the Time of
// that as after, and gets a higher one even if that is far beyond: else a change that was made while a clock was wrong
// could not be undone for years. The clock is not dragged by it.
func (c Clock) Tick(now time.Time, after Time) (Clock, Time) {
	t := At(now)
	if c.last >= t && c.last.within(t, 0, MaxAhead) {
		t = c.last + 1
	}
	c.last = t
	if after >= t && after < math.MaxUint64 {
		return c, after + 1
	}
	return c, t
}

// Witness returns the clock that has seen a message of this Time. A time more than MaxAhead beyond now drags nothing.
func (c Clock) Witness(remote Time, now time.Time) Clock {
	if remote > c.last && remote.within(At(now), math.MaxInt64, MaxAhead) {
		c.last = remote
	}
	return c
}
