package node

import (
	"time"

	"github.com/linnetmesh/linnet/crypto/envelope"
)

// The deliver lane. The one who dials writes envelopes, one in a frame, as many as it likes before it reads. The other
// side answers each envelope of forms 1 and 2, in any order, several answers in a frame:
//
//	answer = status (1) ‖ post name (32) ‖ acknowledgement (32), zero but for statusStored
//
// Weak updates (form 3) get no answer. Nor does what came from somebody who is blocked.
const (
	answerSize  = 1 + envelope.NameSize + envelope.AckSize
	maxAnswers  = 256              // in a frame
	maxInFlight = 256              // envelopes that a stream may have unanswered
	maxBytes    = 8 << 20          // of them
	idleTime    = 90 * time.Second // after which who dialled closes a stream that carries nothing
)

// status is how an envelope fared.
type status byte

const (
	statusStored  status = 1 // stored: the acknowledgement proves it
	statusUnknown status = 2 // no session here has this tag: begin a new one
	statusClosed  status = 3 // it opened, and the message inside did not: begin a new one
	statusBusy    status = 4 // not now: disk full, too many requests
)

// answer is what the deliver lane answers.
type answer struct {
	status status
	name   envelope.Name
	ack    [envelope.AckSize]byte
}

func (a *answer) appendTo(b []byte) []byte {
	b = append(b, byte(a.status))
	b = append(b, a.name[:]...)
	return append(b, a.ack[:]...)
}

// parseAnswers reads a frame of answers. It is false for what is none. An unknown status counts as statusBusy.
func parseAnswers(b []byte) ([]answer, bool) {
	if len(b) == 0 || len(b)%answerSize != 0 || len(b) > maxAnswers*answerSize {
		return nil, false
	}
	out := make([]answer, 0, len(b)/answerSize)
	for ; len(b) > 0; b = b[answerSize:] {
		a := answer{status: status(b[0])}
		copy(a.name[:], b[1:])
		copy(a.ack[:], b[1+envelope.NameSize:])
		out = append(out, a)
	}
	return out, true
}
