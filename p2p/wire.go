package p2p

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
)

// On the directory lane one node asks another for one record, or gives it one:
//
//	stream  = frame (ask, from the dialler) ‖ frame (answer)
//	frame   = length (uvarint, in the fewest bytes) ‖ body
//	ask     = verb (1) ‖ length of key (1) ‖ key ‖ value (put only)
//	answer  = verdict (1) ‖ value (have only)
type verb uint8

const (
	verbGet verb = 1
	verbPut verb = 2
)

// verdict is what a node says to an ask.
type verdict uint8

const (
	verdictHave    verdict = 1 // the value of a get follows
	verdictNone    verdict = 2 // no record under this key
	verdictKept    verdict = 3 // a put was kept
	verdictInvalid verdict = 4 // not a record of this key, or no longer
	verdictOlder   verdict = 5 // a newer one is there
	verdictFull    verdict = 6 // no room, or too much from this peer
	verdictNotYou  verdict = 7 // this node does so for its neighbours only
)

// String names the verdict.
func (v verdict) String() string {
	names := [...]string{"?", "have", "none", "kept", "invalid", "older", "full", "not you"}
	if int(v) >= len(names) {
		v = 0
	}
	return names[v]
}

// Sizes of bodies in bytes.
const (
	maxAsk    = 2 + maxKey + descriptor.Size
	maxAnswer = 1 + descriptor.Size
)

var (
	errMalformed = errors.New("p2p: malformed")
	errRefused   = errors.New("p2p: refused")
)

// ask is what one node asks another.
type ask struct {
	verb  verb
	key   string
	value []byte
}

// appendTo appends the body of the ask.
func (a ask) appendTo(b []byte) []byte {
	b = append(b, byte(a.verb), byte(len(a.key)))
	return append(append(b, a.key...), a.value...)
}

// parseAsk reads an ask of at most maxAsk bytes. The value is part of b.
func parseAsk(b []byte) (a ask, err error) {
	if len(b) < 2 || len(b) > maxAsk {
		return a, errMalformed
	}
	n := int(b[1])
	if n == 0 || n > maxKey || len(b) < 2+n {
		return a, errMalformed
	}
	a = ask{verb(b[0]), string(b[2 : 2+n]), b[2+n:]}
	switch {
	case a.verb == verbGet && len(a.value) == 0:
		a.value = nil
		return a, nil
	case a.verb == verbPut && len(a.value) > 0 && len(a.value) <= descriptor.Size:
		return a, nil
	default:
		return ask{}, errMalformed
	}
}

// answer is what the other says.
type answer struct {
	verdict verdict
	value   []byte
}

func (a answer) appendTo(b []byte) []byte { return append(append(b, byte(a.verdict)), a.value...) }

// parseAnswer reads an answer of at most maxAnswer bytes. The value is part of b. A verdict of a later version is passed
// on: it is none that says yes.
func parseAnswer(b []byte) (a answer, err error) {
	if len(b) < 1 || len(b) > maxAnswer || b[0] == 0 {
		return a, errMalformed
	}
	a = answer{verdict(b[0]), b[1:]}
	if (a.verdict == verdictHave) != (len(a.value) > 0) {
		return answer{}, errMalformed
	}
	if len(a.value) == 0 {
		a.value = nil
	}
	return a, nil
}

// frame returns a body with its length before it.
func frame(body []byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(body))), body...)
}

// readFrame reads one frame of at most limit bytes, and nothing beyond it.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var n, shift uint64
	for {
		var c [1]byte
		if _, err := io.ReadFull(r, c[:]); err != nil {
			return nil, err
		}
		n |= uint64(c[0]&0x7f) << shift
		if n > uint64(limit) || shift > 14 || (c[0] == 0 && shift > 0) {
			return nil, errMalformed
		}
		if c[0] < 0x80 {
			break
		}
		shift += 7
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("reading body: %w", err)
	}
	return body, nil
}

// exchange asks a node.
func (h *Host) exchange(ctx context.Context, id peer.ID, a ask) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	c, err := h.lanes[directory].dial(ctx, id)
	if err != nil {
		return answer{}, err
	}
	defer c.abort()
	stop := context.AfterFunc(ctx, c.abort)
	defer stop()
	if _, err := c.Write(frame(a.appendTo(nil))); err != nil {
		return answer{}, fmt.Errorf("asking: %w", err)
	}
	body, err := readFrame(c, maxAnswer)
	if err != nil {
		return answer{}, fmt.Errorf("reading answer: %w", err)
	}
	_ = c.Close()
	return parseAnswer(body)
}

// getFrom asks a node for a record, and calls hits with what it answered: nil for no record.
func (h *Host) getFrom(ctx context.Context, id peer.ID, key string, hits func([]byte)) error {
	a, err := h.exchange(ctx, id, ask{verb: verbGet, key: key})
	if err != nil {
		return err
	}
	if a.verdict != verdictHave && a.verdict != verdictNone {
		return fmt.Errorf("%w: %v", errRefused, a.verdict)
	}
	hits(a.value)
	return nil
}

// putTo gives a node a record. The error is nil if it keeps it.
func (h *Host) putTo(ctx context.Context, id peer.ID, key string, value []byte) error {
	a, err := h.exchange(ctx, id, ask{verbPut, key, value})
	if err != nil {
		return err
	}
	if a.verdict != verdictKept {
		return fmt.Errorf("%w: %v", errRefused, a.verdict)
	}
	return nil
}

// serveDirectory answers one ask.
func (h *Host) serveDirectory(key identity.TransportKey, c net.Conn) {
	id, err := idOf(key)
	if err != nil || c.SetDeadline(time.Now().Add(requestPatience)) != nil {
		return
	}
	body, err := readFrame(c, maxAsk)
	if err != nil {
		return
	}
	a, err := parseAsk(body)
	if err != nil {
		return
	}
	if _, err := c.Write(frame(h.decide(id, h.isNeighbour(id), a, time.Now()).appendTo(nil))); err == nil {
		_ = c.Close()
	}
}

// decide does what a peer asks, if it may.
func (h *Host) decide(id peer.ID, neighbour bool, a ask, now time.Time) answer {
	if !h.gauge.request(id, now) || (a.verb == verbPut && !h.gauge.put(id, now)) {
		h.refused.Add(1)
		return answer{verdict: verdictFull}
	}
	told := neighbour || h.lonely.Load()
	if !h.serving() && (!told || a.verb == verbPut && !neighbour) {
		return answer{verdict: verdictNotYou}
	}
	if a.verb == verbPut {
		switch err := h.kept.put(a.key, a.value, now); {
		case err == nil:
			return answer{verdict: verdictKept}
		case errors.Is(err, ErrOlder):
			return answer{verdict: verdictOlder}
		case errors.Is(err, ErrFull):
			return answer{verdict: verdictFull}
		default:
			return answer{verdict: verdictInvalid}
		}
	}
	value, _ := h.kept.get(a.key, now)
	if told {
		if mine, _ := h.own.get(a.key, now); mine != nil {
			if value == nil {
				value = mine
			} else if i, err := newest(a.key, [][]byte{mine, value}); err == nil && i == 0 {
				value = mine
			}
		}
	}
	if value == nil {
		return answer{verdict: verdictNone}
	}
	return answer{verdictHave, value}
}
