package node

import (
	"slices"

	"github.com/linnetmesh/linnet/node/chat"
)

// What a relay kept is acknowledged in the session: by a signal that names the messages which came, from the device that
// took them to the one that said them. Such a signal is light: nobody confirms it. If it is lost, the sender puts its post
// again, and the duplicate is confirmed again.

// wantsWord tells whether the sender of a message waits for word that it came.
func wantsWord(m *chat.Message) bool {
	switch m.Kind {
	case chat.KindRetry:
		return false
	case chat.KindSignal:
		s, err := parseSignal(m.Signal.Bytes)
		return err != nil || !s.light()
	default:
		return true
	}
}

// confirm tells a device, once the turn is durable, that a message of its came by a relay.
func (t *turn) confirm(d device, id chat.ID) {
	if t.took == nil {
		t.took = make(map[device][]chat.ID)
	}
	if !slices.Contains(t.took[d], id) {
		t.changes++
		t.took[d] = append(t.took[d], id)
	}
}

// maxTook is how many messages one signal confirms.
const maxTook = 256

// confirmAll queues the confirmations of the turn. Who asks to become a contact is told nothing: what it sent is confirmed
// when it comes again, once it is one.
func (t *turn) confirmAll() {
	for d, ids := range t.took {
		c := t.contact(d.account)
		if c == nil || c.State != Accepted && c.State != Asked && c.State != myself {
			continue
		}
		for some := range slices.Chunk(ids, maxTook) {
			if err := t.signalTo(d, &signal{Took: some}); err != nil {
				_ = t.fail(err)
				return
			}
		}
	}
	t.took = nil
}

// tookIt is what the word of another device changes that it took a message which a relay kept: it is delivered there.
func (t *turn) tookIt(d device, id chat.ID) error {
	for _, q := range t.n.queues.of(id) {
		if q.device != d {
			continue
		}
		p, err := t.post(d, q.post)
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		if err := t.acked(p); err != nil {
			return err
		}
	}
	return nil
}
