package descriptor

import (
	"encoding/binary"
	"time"
)

// SeenSize is the size of a stored Seen in bytes.
const SeenSize = Replicas * 2 * (8 + 8)

// Seen is what a reader remembers of an account's descriptors, so that nobody shows it an older one: of each replica the
// latest two periods, and the signing time within each. Times count within one period only: a descriptor of the next
// period may have been signed ahead, long before what stands in this one, so to have seen it says nothing against that.
// The replicas do not count against each other either, since one of them may not be reached and then be behind. It is
// a value and may be compared with ==. The zero value has seen nothing.
type Seen [Replicas][2]seen // the newer period first

type seen struct {
	period Period
	time   uint64 // ms
}

// Next returns the Seen that knows this descriptor, which was opened, as well. The error is ErrRollback if one of the same
// period and a later time, or of two later periods, was seen at this replica, and ErrReplica; the Seen returned is s then.
// To see the same again is no error.
func (s Seen) Next(at Place, signed time.Time) (Seen, error) {
	if at.Replica >= Replicas {
		return s, ErrReplica
	}
	next, fresh := s, seen{at.Period, millis(signed)}
	switch r := &next[at.Replica]; {
	case fresh.period > r[0].period:
		*r = [2]seen{fresh, r[0]}
	case fresh.period == r[0].period && fresh.time >= r[0].time:
		r[0] = fresh
	case fresh.period == r[0].period:
		return s, ErrRollback
	case fresh.period > r[1].period || fresh.period == r[1].period && fresh.time >= r[1].time:
		r[1] = fresh
	default:
		return s, ErrRollback
	}
	return next, nil
}

// Last returns the latest signing time seen at a place: what a writer replaces. It is the zero Time if none was seen.
func (s Seen) Last(at Place) time.Time {
	if at.Replica < Replicas {
		for _, r := range s[at.Replica] {
			if r.period == at.Period && r.time != 0 {
				return fromMillis(r.time)
			}
		}
	}
	return time.Time{}
}

// AppendTo appends the SeenSize bytes of the stored form: period (8) ‖ time (8) of each, both of replica 0 first.
func (s Seen) AppendTo(b []byte) []byte {
	for _, replica := range s {
		for _, r := range replica {
			b = binary.BigEndian.AppendUint64(b, uint64(r.period))
			b = binary.BigEndian.AppendUint64(b, r.time)
		}
	}
	return b
}

// ParseSeen reads what AppendTo wrote. The error is ErrSize, or ErrMalformed for numbers that cannot be.
func ParseSeen(b []byte) (s Seen, err error) {
	if len(b) != SeenSize {
		return s, ErrSize
	}
	for i := range s {
		for j := range s[i] {
			r := &s[i][j]
			r.period, r.time = Period(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:])
			if b = b[16:]; r.period > maxCount || r.time > maxCount {
				return Seen{}, ErrMalformed
			}
		}
		if s[i][0].period < s[i][1].period || s[i][0].period == s[i][1].period && s[i][1] != (seen{}) {
			return Seen{}, ErrMalformed
		}
	}
	return s, nil
}
