package descriptor

import (
	"encoding/binary"
	"time"
)

// SeenSize is the size of a stored Seen in bytes.
const SeenSize = Replicas * (8 + 8)

// Seen is what a reader remembers of an account's descriptors, so that nobody shows it an older one: of each replica the
// period, and the signing time within the period. The replicas do not count against each other, since one of them may
// not be reached and then be behind. It is a value and may be compared with ==. The zero value has seen nothing.
type Seen [Replicas]struct {
	period Period
	time   uint64 // ms
}

// Next returns the Seen that knows this descriptor, which was opened, as well. The error is ErrRollback if one of a later
// period, or of the same and a later time, was seen at this replica, and ErrReplica; the Seen returned is s then. To see
// the same again is no error.
func (s Seen) Next(at Place, signed time.Time) (Seen, error) {
	if at.Replica >= Replicas {
		return s, ErrReplica
	}
	next, t := s, millis(signed)
	switch last := &next[at.Replica]; {
	case at.Period < last.period || at.Period == last.period && t < last.time:
		return s, ErrRollback
	default:
		last.period, last.time = at.Period, t
		return next, nil
	}
}

// Last returns the latest signing time seen at a place: what a writer replaces. It is the zero Time if none was seen.
func (s Seen) Last(at Place) time.Time {
	if at.Replica >= Replicas || s[at.Replica].period != at.Period || s[at.Replica].time == 0 {
		return time.Time{}
	}
	return fromMillis(s[at.Replica].time)
}

// AppendTo appends the SeenSize bytes of the stored form: period (8) ‖ time (8) of each replica.
func (s Seen) AppendTo(b []byte) []byte {
	for _, r := range s {
		b = binary.BigEndian.AppendUint64(b, uint64(r.period))
		b = binary.BigEndian.AppendUint64(b, r.time)
	}
	return b
}

// ParseSeen reads what AppendTo wrote. The error is ErrSize, or ErrMalformed for a number that cannot be.
func ParseSeen(b []byte) (s Seen, err error) {
	if len(b) != SeenSize {
		return s, ErrSize
	}
	for i := range s {
		s[i].period = Period(binary.BigEndian.Uint64(b[16*i:]))
		s[i].time = binary.BigEndian.Uint64(b[16*i+8:])
		if s[i].period > maxCount || s[i].time > maxCount {
			return Seen{}, ErrMalformed
		}
	}
	return s, nil
}
