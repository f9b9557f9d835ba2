package node

import (
	"slices"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/conference"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/vault"
)

// CallRecord is an entry of the history of calls, which each device keeps for itself. Until a call is over, it says what is
// true if the device fails now: missed while it rings, lost while they talk.
type CallRecord struct {
	Call     CallID
	With     Account // who called, or the first that was called
	Others   uint16  // how many more were called
	Outgoing bool
	Time     time.Time // when it began to ring
	Reason   CallReason
	Lasted   time.Duration // since media first flowed
	Mode     conference.Mode
	Mixer    string // whose mixer carried it last, as the caller said; empty: none
	Because  string // of mixers, why it failed or was lost: "oak cannot be reached, elm is full"
}

// maxCalls is how many calls are remembered.
const maxCalls = 500

// callBook is the history of calls. Turns write to it, when what they write is durable.
type callBook struct {
	mu   sync.Mutex
	list []CallRecord // the newest last
}

type callBody struct {
	With     identity.Account `cbor:"1,keyasint"`
	Time     uint64           `cbor:"2,keyasint"` // ms since 1970
	Reason   uint8            `cbor:"3,keyasint"`
	Mode     uint8            `cbor:"4,keyasint"`
	Outgoing bool             `cbor:"5,keyasint,omitempty"`
	Others   uint16           `cbor:"6,keyasint,omitempty"`
	Lasted   uint64           `cbor:"7,keyasint,omitempty"` // ms
	Mixer    string           `cbor:"8,keyasint,omitempty" max:"128"`
	Because  string           `cbor:"9,keyasint,omitempty" max:"600"`
	Unknown  identity.Unknown `cbor:"-"`
}

func callKey(call CallID) []byte { return append([]byte{'v'}, call[:]...) }

func (n *Node) loadCalls() error {
	err := n.config.Vault.Each(vault.Setting, []byte{'v'}, func(key, value []byte) error {
		var b callBody
		if len(key) != 1+len(CallID{}) {
			return errStored
		}
		if err := identity.Unmarshal(value, 1024, &b); err != nil {
			return err
		}
		n.calls.list = append(n.calls.list, CallRecord{
			Call: CallID(key[1:]), With: b.With, Others: b.Others, Outgoing: b.Outgoing, Time: time.UnixMilli(int64(b.Time)),
			Reason: CallReason(b.Reason), Lasted: time.Duration(b.Lasted) * time.Millisecond, Mode: conference.Mode(b.Mode), Mixer: b.Mixer,
			Because: b.Because,
		})
		return nil
	})
	slices.SortStableFunc(n.calls.list, func(a, b CallRecord) int { return a.Time.Compare(b.Time) })
	return err
}

// Calls returns the history of calls, the newest first, at most 500. The current call is not among them: see Call.
func (n *Node) Calls() []CallRecord {
	view, in := n.Call()
	n.calls.mu.Lock()
	defer n.calls.mu.Unlock()
	var out []CallRecord
	for _, r := range slices.Backward(n.calls.list) {
		if !in || r.Call != view.Call {
			out = append(out, r)
		}
	}
	return out
}

func (b *callBook) find(call CallID) (CallRecord, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range slices.Backward(b.list) {
		if r.Call == call {
			return r, true
		}
	}
	return CallRecord{}, false
}

// noteCall begins an entry; one of that call stays, unless it is to be replaced. The oldest entries go.
func (t *turn) noteCall(r CallRecord, replace bool) {
	if _, ok := t.findCall(r.Call); ok && !replace {
		return
	}
	t.putCall(r)
}

// findCall returns the entry of a call, as this turn has it.
func (t *turn) findCall(call CallID) (CallRecord, bool) {
	if r, ok := t.calls[call]; ok {
		return r, r.Call == call
	}
	return t.n.calls.find(call)
}

// changeCall changes the entry of a call with an account; the zero account is any.
func (t *turn) changeCall(call CallID, with Account, change func(*CallRecord)) {
	if r, ok := t.findCall(call); ok && (with.IsZero() || r.With == with) {
		change(&r)
		t.putCall(r)
	}
}

// settleCall makes a call that seemed missed one that another device of the own account answered, as its caller says.
func (t *turn) settleCall(call CallID, from Account) {
	if r, ok := t.findCall(call); ok && r.With == from && !r.Outgoing && r.Reason == conference.ReasonMissed {
		r.Reason = conference.ReasonElsewhere
		t.putCall(r)
	}
}

func (t *turn) putCall(r CallRecord) {
	b, err := identity.Marshal(&callBody{
		With: r.With, Time: millisOf(r.Time), Reason: uint8(r.Reason), Mode: uint8(r.Mode), Outgoing: r.Outgoing, Others: r.Others,
		Lasted: uint64(max(r.Lasted, 0) / time.Millisecond), Mixer: r.Mixer, Because: r.Because,
	})
	if err != nil {
		_ = t.fail(err)
		return
	}
	t.put(vault.Setting, callKey(r.Call), b)
	t.keepCall(r.Call, r)
	for _, old := range t.n.calls.spare(t.calls) {
		t.dropCall(old, Account{})
	}
}

// spare returns the oldest entries, those that go for others which a turn adds.
func (b *callBook) spare(changed map[CallID]CallRecord) (out []CallID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	count := len(b.list)
	for call, r := range changed {
		in := slices.ContainsFunc(b.list, func(x CallRecord) bool { return x.Call == call })
		switch gone := r.Call != call; {
		case in && gone:
			count--
		case !in && !gone:
			count++
		}
	}
	for i := 0; i < len(b.list) && count > maxCalls; i++ {
		if _, ok := changed[b.list[i].Call]; !ok {
			out = append(out, b.list[i].Call)
			count--
		}
	}
	return out
}

// dropCall takes the entry of a call with an account away; the zero account is any.
func (t *turn) dropCall(call CallID, with Account) {
	if r, ok := t.findCall(call); ok && (with.IsZero() || r.With == with) {
		t.remove(vault.Setting, callKey(call))
		t.keepCall(call, CallRecord{})
	}
}

// keepCall changes the book once the turn is durable: a zero record is none.
func (t *turn) keepCall(call CallID, r CallRecord) {
	if t.calls == nil {
		t.calls = make(map[CallID]CallRecord)
	}
	t.calls[call] = r
	t.after(func() {
		b := &t.n.calls
		b.mu.Lock()
		defer b.mu.Unlock()
		i := slices.IndexFunc(b.list, func(x CallRecord) bool { return x.Call == call })
		switch {
		case r.Call != call && i >= 0:
			b.list = slices.Delete(b.list, i, i+1)
		case r.Call != call:
		case i >= 0:
			b.list[i] = r
		default:
			b.list = append(b.list, r)
		}
	})
}
