package envelope

import (
	"fmt"

	"github.com/linnetmesh/linnet/crypto/internal/pb"
)

// What a Receiver opens: epochs from EpochsBack before the highest that it opened to EpochsAhead after it.
const (
	EpochsBack  = 44
	EpochsAhead = 45
)

// Receiver opens what this device receives in one session, in forms 2 and 3. It is a value.
type Receiver struct {
	local, sender Party
	low           epochKey // the earliest epoch that opens
	high          epochKey // the highest that was opened
}

// NewReceiver returns the Receiver of a session that begins. initiator tells whether this device opened it.
func NewReceiver(s Secret, initiator bool, local, sender Party) (*Receiver, error) {
	if s.IsZero() || !local.valid() || !sender.valid() {
		return nil, ErrKey
	}
	k := firstEpoch(s, direction(!initiator))
	return &Receiver{local: local, sender: sender, low: k, high: k}, nil
}

// Format prints what this is, and nothing of its secrets, whatever the verb.
func (Receiver) Format(f fmt.State, _ rune) { fmt.Fprint(f, "envelope.Receiver") }

// Epochs returns the earliest and the latest epoch that open.
func (r *Receiver) Epochs() (first, last uint32) {
	return r.low.epoch, r.high.epoch + min(EpochsAhead, maxEpoch-r.high.epoch)
}

// maxEpoch is the last epoch there is: more than there will be days.
const maxEpoch = 1<<31 - 1

// Tagged is a Tag, and what it stands for.
type Tagged struct {
	Tag   Tag
	Form  Form
	Epoch uint32
}

// Tags returns the tags of all epochs that open, in both forms: at most 180. Whoever holds many sessions looks an envelope's
// tag up among them.
func (r *Receiver) Tags() []Tagged {
	first, last := r.Epochs()
	out := make([]Tagged, 0, 2*(last-first+1))
	k := r.low
	for e := first; ; e++ {
		k = k.at(e)
		out = append(out, Tagged{k.tag(FormSession), FormSession, e}, Tagged{k.tag(FormWeak), FormWeak, e})
		if e == last {
			return out
		}
	}
}

// TagOf returns the tag of an envelope of form 2 or 3.
func TagOf(b []byte) (Tag, error) {
	f, err := FormOf(b)
	if err != nil {
		return Tag{}, err
	}
	if f == FormOpening {
		return Tag{}, ErrForm
	}
	return Tag(b[1 : 1+tagSize]), nil
}

// Open opens an envelope of form 2 or 3 of this session and returns the Receiver after it. A weak update changes nothing.
// The next Receiver must be stored before anything is acknowledged.
//
// It looks for the tag among all epochs that open, which takes some 0.1 ms where it is not one of them. So it is for those who
// know whose envelope it is; who holds many sessions looks the tag up among their Tags first.
func (r *Receiver) Open(b []byte) (*Receiver, Opened, error) {
	tag, err := TagOf(b)
	if err != nil {
		return nil, Opened{}, err
	}
	f := Form(b[0])
	k, ok := r.find(tag, f)
	if !ok {
		return nil, Opened{}, ErrTag
	}
	return r.open(k, f, b)
}

// OpenAt is Open for an envelope whose tag was found among Tags.
func (r *Receiver) OpenAt(t Tagged, b []byte) (*Receiver, Opened, error) {
	tag, err := TagOf(b)
	if err != nil {
		return nil, Opened{}, err
	}
	first, last := r.Epochs()
	if tag != t.Tag || Form(b[0]) != t.Form || t.Epoch < first || t.Epoch > last {
		return nil, Opened{}, ErrTag
	}
	from := r.low
	if t.Epoch >= r.high.epoch {
		from = r.high
	}
	k := from.at(t.Epoch)
	if k.tag(t.Form) != tag {
		return nil, Opened{}, ErrTag
	}
	return r.open(k, t.Form, b)
}

// open opens an envelope of the given epoch.
func (r *Receiver) open(k epochKey, f Form, b []byte) (*Receiver, Opened, error) {
	key := k.seal(f)
	header := b[:headerSize]
	padded, err := gcm(&key).Open(nil, header[1+tagSize:], b[headerSize:], associated(header, r.local))
	if err != nil {
		return nil, Opened{}, ErrOpen
	}
	body, err := unpad(padded)
	if err != nil {
		return nil, Opened{}, err
	}
	in, err := parseInner(body, f)
	if err != nil {
		return nil, Opened{}, err
	}
	if in.Sender != r.sender {
		return nil, Opened{}, ErrInner
	}
	o := Opened{Inner: in, Epoch: k.epoch}
	if f == FormWeak {
		return r, o, nil
	}
	o.Ack = k.ack(header)
	n := *r
	if k.epoch > r.high.epoch {
		n.high = k
		if k.epoch > EpochsBack {
			n.low = r.low.at(k.epoch - EpochsBack)
		}
	}
	return &n, o, nil
}

// find returns the epoch of a tag: most often the highest, or the one after it.
func (r *Receiver) find(tag Tag, f Form) (epochKey, bool) {
	_, last := r.Epochs()
	for k := r.high; ; k = k.at(k.epoch + 1) {
		if k.tag(f) == tag {
			return k, true
		}
		if k.epoch == last {
			break
		}
	}
	for k := r.low; k.epoch < r.high.epoch; k = k.at(k.epoch + 1) {
		if k.tag(f) == tag {
			return k, true
		}
	}
	return epochKey{}, false
}

// The stored form of a Receiver:
//
//	receiverVersion ‖ pb{1 local account (32)   2 local device   3 sender's account (32)   4 sender's device
//	   5 earliest epoch   6 its key (32)   7 highest epoch   8 its key (32)}
const receiverVersion = 1

// AppendTo appends the stored form of the Receiver: secrets, to be sealed by whoever stores them.
func (r *Receiver) AppendTo(b []byte) []byte {
	b = append(b, receiverVersion)
	b = appendParty(b, 1, r.local)
	b = appendParty(b, 3, r.sender)
	b = pb.AppendUint(b, 5, uint64(r.low.epoch))
	b = pb.AppendBytes(b, 6, r.low.key()[:])
	b = pb.AppendUint(b, 7, uint64(r.high.epoch))
	return pb.AppendBytes(b, 8, r.high.key()[:])
}

// ParseReceiver reads a stored Receiver of at most MaxState bytes. It refuses whatever AppendTo would not have written.
func ParseReceiver(b []byte) (*Receiver, error) {
	if len(b) == 0 || len(b) > MaxState || b[0] != receiverVersion {
		return nil, ErrState
	}
	var s Receiver
	r := pb.NewReader(b[1:], pb.Refuse)
	s.local = readParty(r, 1)
	s.sender = readParty(r, 3)
	s.low.epoch = r.Uint32(5)
	s.low.key = readSecret(r, 6)
	s.high.epoch = r.Uint32(7)
	s.high.key = readSecret(r, 8)
	if r.Done() != nil || s.high.epoch > maxEpoch || s.low.epoch != max(s.high.epoch, EpochsBack)-EpochsBack ||
		!s.low.at(s.high.epoch).key.equal(s.high.key) {
		return nil, ErrState
	}
	return &s, nil
}
