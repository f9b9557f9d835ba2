package node

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/session"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/frame"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// What a review found, and must hold from then on: what is many fits into transactions, and what strangers, contacts and
// revoked devices can make a node do is bounded. The worlds are bubbles; nothing waits for real.

// held is two people who do not know each other.
type held struct {
	t        *testing.T
	network  *p2ptest.Net
	ada, ben *person
}

// hold runs f with them, in a bubble after Linnet began.
func hold(t *testing.T, f func(*held)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)))
		network := p2ptest.New(1)
		t.Cleanup(network.Close)
		f(&held{t, network, start(t, network, "Ada", vault.Config{}), start(t, network, "Ben", vault.Config{})})
	})
}

// idle waits until nothing waits to leave.
func idle(t *testing.T, people ...*person) {
	t.Helper()
	until(t, func() bool {
		for _, p := range people {
			if p.Stats().Waiting > 0 {
				return false
			}
		}
		return true
	})
}

// asks has a stranger ask, and waits until the other knows.
func asks(t *testing.T, ada, ben *person) {
	t.Helper()
	check(t, ada.host.Join(t.Context(), ben.host.Key(), ben.host.Addrs()))
	_, err := ada.Add(t.Context(), ben.Address().String())
	check(t, err)
	until(t, func() bool { return ada.Stats().Waiting == 0 && knows(ben, ada) == Requested })
}

func knows(a, b *person) ContactState {
	c, err := a.Contact(b.Account())
	if err != nil {
		return 0
	}
	return c.State
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// do runs an operation of a node.
func do(t *testing.T, p *person, f func(*turn) error) {
	t.Helper()
	check(t, p.run(t.Context(), f))
}

// say sends so many texts, and returns what names them.
func say(t *testing.T, from, to *person, count int) (refs []Ref) {
	t.Helper()
	for i := range count {
		ref, err := from.Send(t.Context(), to.Account(), fmt.Sprint("text ", i), Ref{})
		check(t, err)
		refs = append(refs, ref)
	}
	return refs
}

// post queues raw bytes for the first device of somebody as a message, each call in an envelope of its own.
func (p *person) post(t *testing.T, to *person, id chat.ID, kind chat.Kind, raw []byte) {
	t.Helper()
	do(t, p, func(t *turn) error {
		d := device{to.Account(), 1}
		return t.queuePost(&post{device: d, postBody: postBody{
			Conversation: chat.Direct(d.account), ID: id, Kind: kind, Message: raw, Said: millisOf(t.now),
		}})
	})
}

// rings counts the calls that were told since an event.
func (p *person) rings(t *testing.T, from uint64) (count int) {
	t.Helper()
	events, _, err := p.ring.after(from)
	check(t, err)
	for i := range events {
		if events[i].Kind == EventCallSignal {
			count++
		}
	}
	return count
}

// TestHoldThrownOut gives the number of Ben's only device to another, in a new epoch: by the words, after the old one
// was stolen. From when Ada knows, nothing is sealed for the old one, and nothing that it says is shown.
func TestHoldThrownOut(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada, ben := h.t, h.ada, h.ben
		friends(t, ada, ben)
		idle(t, ada, ben)
		now, key := time.Now().Add(time.Minute), xeddsa.GenerateKey()
		d, err := identity.NewDevice(ben.Account(), 1, key, now)
		check(t, err)
		account := ben.currentSelf().seed.Account()
		stewards, err := account.NewEpoch(ben.currentSelf().view.Stewards().Epoch(), now, d)
		check(t, err)
		manifest, err := stewards.Begin(key, now, d)
		check(t, err)
		do(t, ada, func(t *turn) error {
			c := t.contact(ben.Account()).clone()
			view, err := c.view.Apply(manifest)
			if err != nil {
				return err
			}
			return t.takeView(c, view)
		})
		ours, err := ada.Send(t.Context(), ben.Account(), "for the new device", Ref{})
		check(t, err)
		theirs, err := ben.Send(t.Context(), ada.Account(), "I am the thief", Ref{})
		check(t, err)
		check(t, ben.Typing(t.Context(), ada.Account(), true))
		time.Sleep(3 * time.Hour)
		if m, err := ben.Message(ada.Account(), ours); !errors.Is(err, ErrUnknownMessage) {
			t.Errorf("the thrown-out device reads %q: %v", m.Text, err)
		}
		if m, err := ada.Message(ben.Account(), theirs); !errors.Is(err, ErrUnknownMessage) {
			t.Errorf("Ada shows %q of the thrown-out device: %v", m.Text, err)
		}
		if m, err := ada.Message(ben.Account(), ours); err != nil || m.State() != Queued {
			t.Errorf("Ada's message is %v: %v", m.State(), err)
		}
		for _, q := range ada.queues.of(ours.ID) {
			if p, err := ada.couriers.look(q.device, q.post); err != nil || len(p.Envelope) > 0 {
				t.Errorf("something was sealed for device %d: %v", q.number, err)
			}
		}
	})
}

// TestHoldManyWaiting has more wait for a device than fits into a transaction. A new device of its account gets all of
// it, and Block, which fails all of it, does not fail itself.
func TestHoldManyWaiting(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada, ben := h.t, h.ada, h.ben
		friends(t, ada, ben)
		idle(t, ada, ben)
		ben.host.Close()
		const count = 700
		refs := say(t, ada, ben, count)
		s := ben.currentSelf()
		d, err := identity.NewDevice(ben.Account(), 2, xeddsa.GenerateKey(), time.Now())
		check(t, err)
		manifest, err := s.view.Add(s.identity, d, time.Now())
		check(t, err)
		do(t, ada, func(t *turn) error {
			c := t.contact(ben.Account()).clone()
			view, err := c.view.Apply(manifest)
			if err != nil {
				return err
			}
			return t.takeView(c, view)
		})
		until(t, func() bool { return ada.queues.size(device{ben.Account(), 2}) >= count })
		if got := ada.queues.size(device{ben.Account(), 2}); got != count {
			t.Errorf("%d posts wait for the new device, want %d", got, count)
		}
		check(t, ada.Block(t.Context(), ben.Account()))
		idle(t, ada)
		if got := knows(ada, ben); got != Blocked {
			t.Errorf("Ben is %v", got)
		}
		want := Delivery{State: Failed, Why: blockedHere}
		for _, ref := range refs {
			m, err := ada.Message(ben.Account(), ref)
			check(t, err)
			for _, w := range m.Deliveries {
				if diff := cmp.Diff(want.Why, w.Why); w.State != Failed || diff != "" {
					t.Fatalf("%q is %v: %s", m.Text, w.State, diff)
				}
			}
		}
	})
}

// TestHoldManyContacts has more contacts than fit into a transaction: what is told to all is told in steps, and a new
// device gets them all.
func TestHoldManyContacts(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada := h.t, h.ada
		const count, step = 1300, 100
		for done := 0; done < count; done += step {
			do(t, ada, func(t *turn) error {
				for i := range step {
					var a identity.Account
					binary.BigEndian.PutUint32(a[:], uint32(done+i+1))
					t.putContact(&contact{account: a, view: identity.NewView(a), contactBody: contactBody{State: Accepted, Since: 1, Told: t.getSelf().Profile}})
				}
				return nil
			})
		}
		all := func(each func(*contact) bool) {
			t.Helper()
			until(t, func() bool {
				ada.shared.mu.RLock()
				defer ada.shared.mu.RUnlock()
				have := 0
				for _, c := range ada.shared.contacts {
					if c.State == Accepted && each(c) {
						have++
					}
				}
				return have == count
			})
		}
		waiting := func(most int) func(*contact) bool {
			return func(c *contact) bool { return ada.queues.size(device{c.account, 0}) == most }
		}
		check(t, ada.SetProfile(t.Context(), "Ada", "about"))
		all(func(c *contact) bool { return c.Told == ada.shared.self.Profile && waiting(1)(c) })
		number, err := ada.LinkOffer()
		check(t, err)
		v, err := vault.Open(vault.Config{})
		check(t, err)
		defer v.Close()
		e, err := Enroll(v, ada.Account(), number, time.Now())
		check(t, err)
		entry, err := e.Entry()
		check(t, err)
		grant, err := ada.Link(t.Context(), entry)
		check(t, err)
		all(waiting(2))
		check(t, e.Complete(grant))
		contacts := 0
		check(t, v.Each(vault.Contact, nil, func(_, _ []byte) error { contacts++; return nil }))
		if contacts != count+1 { // and the account itself
			t.Errorf("the new device has %d contacts, want %d", contacts, count+1)
		}
		check(t, ada.Revoke(t.Context(), number))
		all(waiting(3))
	})
}

// stranger makes an account with one device that is known as a contact, and returns them.
func stranger(t *testing.T, key xeddsa.PrivateKey) *contact {
	t.Helper()
	now, seed := time.Now(), identity.NewSeed()
	account := seed.Account()
	d, err := identity.NewDevice(account.Public(), 1, key, now)
	check(t, err)
	stewards, err := account.NewEpoch(0, now, d)
	check(t, err)
	manifest, err := stewards.Begin(key, now, d)
	check(t, err)
	view, err := identity.NewView(account.Public()).Apply(manifest)
	check(t, err)
	return &contact{account: account.Public(), view: view, contactBody: contactBody{State: Accepted, Since: 1}}
}

// TestHoldForget opens a vault with thousands of sessions that lacks its last commit: all of them begin anew.
func TestHoldForget(t *testing.T) {
	t.Parallel()
	folder, older := filepath.Join(t.TempDir(), "vault"), filepath.Join(t.TempDir(), "older")
	network := p2ptest.New(1)
	t.Cleanup(network.Close)
	open := func(folder string) (*vault.Vault, *Node) {
		t.Helper()
		v, err := vault.Open(vault.Config{Folder: folder, Mobile: true})
		check(t, err)
		if err := Create(v, "Ada", time.Now()); err != nil && !errors.Is(err, ErrAccountExists) {
			t.Fatal(err)
		}
		return v, asleep(t, network, v)
	}
	v, n := open(folder)
	const count, step = 2000, 200
	key := xeddsa.GenerateKey()
	for range count / step {
		check(t, n.startTurn(func(turn *turn) error {
			for range step {
				c := stranger(t, key)
				turn.putContact(c)
				q, err := n.newPeer(device{c.account, 1}, key.Public())
				if err != nil {
					return err
				}
				turn.putPeer(q, true)
			}
			return nil
		}))
	}
	check(t, v.Close())
	check(t, os.CopyFS(older, os.DirFS(folder)))
	v, n = open(folder)
	generations := make(map[device]uint32)
	for d, p := range n.state.peers {
		generations[d] = p.generation
	}
	if len(generations) != count {
		t.Fatalf("%d sessions", len(generations))
	}
	check(t, n.startTurn((*turn).touchSelf))
	check(t, v.Close())
	mark, err := os.ReadFile(filepath.Join(folder, "mark"))
	check(t, err)
	check(t, os.WriteFile(filepath.Join(older, "mark"), mark, 0o600))
	v, err = vault.Open(vault.Config{Folder: older, Mobile: true})
	check(t, err)
	if v.Lost() == 0 {
		t.Fatal("nothing is lost: this test shows nothing")
	}
	check(t, v.Close())
	v, n = open(older)
	for d, p := range n.state.peers {
		if !p.lost || p.generation <= generations[d] {
			t.Fatalf("a session goes on: lost %v, generation %d after %d", p.lost, p.generation, generations[d])
		}
	}
	if len(n.state.peers) != count || v.Lost() != 0 {
		t.Errorf("%d sessions, %d commits are still called lost", len(n.state.peers), v.Lost())
	}
	check(t, v.Close())
}

// touchSelf changes something, for a commit to be lost.
func (t *turn) touchSelf() error {
	s := t.getSelf().clone()
	s.Hours++
	t.putSelf(s)
	return nil
}

// asleep makes a node that does not run.
func asleep(t *testing.T, network *p2ptest.Net, v *vault.Vault) *Node {
	t.Helper()
	h := network.NewHost()
	n, err := New(Config{Vault: v, Deliver: h.Lane("/linnet/deliver/1"), Bundle: h.Lane("/linnet/bundle/1"), Directory: h, Reach: h})
	check(t, err)
	return n
}

// TestHoldWornKey has strangers use a last-resort key thousands of times. The bundle is renewed, once, and what was
// remembered of the uses goes with the key when nobody can refer to it any more.
func TestHoldWornKey(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		uses int
		age  time.Duration
		kept int // bundles
	}{
		{"worn", session.MaxReplays/2 + 1, time.Hour, 2},
		{"old", 5500, 10 * 24 * time.Hour, 2},
		{"over", 5500, 300 * 24 * time.Hour, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)))
				network, disk := p2ptest.New(1), new(vault.Disk)
				t.Cleanup(network.Close)
				v, err := vault.Open(vault.Config{Disk: disk})
				check(t, err)
				check(t, Create(v, "Ada", time.Now().Add(-tt.age)))
				version := asleep(t, network, v).state.self.privates[0].Version
				for i := 0; i < tt.uses; {
					b := v.NewBatch()
					for ; i < tt.uses && !b.Full(); i++ {
						var use session.Replay
						binary.BigEndian.PutUint64(use[:], uint64(i))
						check(t, b.Put(vault.Replay, replayKey(version, use), []byte{1}))
					}
					check(t, v.Commit(b))
				}
				check(t, v.Close())
				ada := start(t, network, "Ada", vault.Config{Disk: disk})
				for range 3 {
					do(t, ada, (*turn).renewBundle)
				}
				check(t, ada.dropBundles(t.Context()))
				left := 0
				check(t, ada.vault.Each(vault.Replay, nil, func(_, _ []byte) error { left++; return nil }))
				want := tt.uses
				if tt.kept == 1 {
					want = 0
				}
				if got := len(ada.currentSelf().privates); got != tt.kept || left != want {
					t.Errorf("%d bundles and %d uses are kept, want %d and %d", got, left, tt.kept, want)
				}
			})
		})
	}
}

// TestHoldRecord has a contact make its sessions as large as it can, by first messages after thousands that never come.
// What is stored of it stays far below what a record may take, and the last session goes on.
func TestHoldRecord(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada, ben := h.t, h.ada, h.ben
		friends(t, ada, ben)
		idle(t, ada, ben)
		a, b := ada.currentSelf(), ben.currentSelf()
		d := device{ben.Account(), 1}
		entry, err := a.entry()
		check(t, err)
		bundle, err := a.bundleKey.Open(a.Bundle, entry, 0, time.Now())
		check(t, err)
		prekeys, err := bundle.PreKeys(nil, time.Now())
		check(t, err)
		p := a.privates[0]
		theirs, err := ben.newPeer(device{ada.Account(), 1}, a.identity.Public())
		check(t, err)
		trimmed := false
		for range 16 {
			r, err := theirs.record.Initiate(b.identity, b.RegistrationID, prekeys, time.Now())
			check(t, err)
			var out []byte
			for range 1999 {
				r, _, out, err = r.Encrypt([]byte{1}, time.Now())
				check(t, err)
			}
			first, err := session.ParsePreKeyMessage(out)
			check(t, err)
			do(t, ada, func(t *turn) error {
				q, err := t.peer(d).clone()
				if err != nil {
					return err
				}
				q.record, _, err = q.record.Accept(first, &session.Keys{
					Identity: a.identity, SignedPreKeyID: p.Version, SignedPreKey: p.SignedPreKey,
					KEMPreKeyID: p.Version, KEMPreKey: p.KEMPreKey, LastResort: new(session.Replays),
				})
				if err != nil {
					return err
				}
				whole, err := q.marshal()
				trimmed = trimmed || len(whole) > maxPeer
				t.putPeer(q, false)
				return err
			})
			var stored []byte
			do(t, ada, func(t *turn) error {
				stored, err = ada.vault.Get(vault.Session, t.peer(d).key())
				return err
			})
			again, err := ada.parsePeer((&peer{device: d, identity: b.identity.Public()}).key(), stored)
			check(t, err)
			again, err = again.clone()
			check(t, err)
			if len(stored) > maxPeer || !again.record.Usable(time.Now()) {
				t.Fatalf("%d bytes are stored, at most %d may be; the session is usable: %v", len(stored), maxPeer, again.record.Usable(time.Now()))
			}
		}
		if !trimmed {
			t.Error("nothing was too large: this test shows nothing")
		}
	})
}

// newer returns the bytes of a message that this Linnet cannot read: with a number that must be understood.
func newer(i byte) []byte { return []byte{0xa1, 0x20, 0x41, i} }

// TestHoldNewer has somebody say much that needs a newer Linnet. A bounded number of it is kept, and goes with the
// account: strangers come and are pushed out, and must leave nothing.
func TestHoldNewer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		meet func(*testing.T, *person, *person)
	}{
		{"of a contact", func(t *testing.T, ada, ben *person) { t.Helper(); friends(t, ada, ben) }},
		{"of a stranger", asks},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			hold(t, func(h *held) {
				t, ada, ben := h.t, h.ada, h.ben
				tt.meet(t, ada, ben)
				idle(t, ada, ben)
				kept := func() (count int) {
					check(t, ben.vault.Each(vault.Setting, []byte{'n'}, func(_, _ []byte) error { count++; return nil }))
					return count
				}
				for i := range 2 * maxNewer {
					ada.post(t, ben, chat.NewID(), chat.KindText, newer(byte(i)))
				}
				time.Sleep(time.Hour)
				if got := kept(); got != maxNewer {
					t.Errorf("%d are kept, want %d", got, maxNewer)
				}
				check(t, ben.Remove(t.Context(), ada.Account()))
				if got := kept(); got != 0 {
					t.Errorf("%d are kept of an account that was removed", got)
				}
			})
		})
	}
}

// TestHoldReadNewer starts a Linnet that understands what the one before did not: it is shown, and nothing of it is kept
// aside any more, so that as much can wait again.
func TestHoldReadNewer(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada, ben := h.t, h.ada, h.ben
		friends(t, ada, ben)
		idle(t, ada, ben)
		_, m := chat.NewMessage(chat.Clock{}, time.Now(), 0)
		m.Kind, m.Text = chat.KindText, &chat.Text{Text: "what was new once"}
		raw, err := m.AppendTo(nil)
		check(t, err)
		author := chat.Author{Account: ada.Account(), Device: 1}
		for _, b := range [][]byte{raw, newer(1), newer(1)} { // one comes twice, in two sessions
			do(t, ben, func(t *turn) error {
				return t.keepNewer(t.contact(author.Account), author, &chat.Plaintext{Sequence: 9, Message: b})
			})
		}
		ben.readNewer(t.Context())
		if m, err := ben.Message(ada.Account(), Ref{Author: ada.Account(), ID: m.ID}); err != nil || m.Text != "what was new once" {
			t.Errorf("got %q, %v", m.Text, err)
		}
		kept := 0
		check(t, ben.vault.Each(vault.Setting, []byte{'n'}, func(_, _ []byte) error { kept++; return nil }))
		if got := ben.contact(ada.Account()).Newer; kept != 1 || got != 1 {
			t.Errorf("%d are kept aside and %d counted, want 1: what still needs a newer one", kept, got)
		}
	})
}

// TestHoldRepeatedRequests has a contact ask 500 times to become one. It is told that it is, and not 500 times.
func TestHoldRepeatedRequests(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada, ben := h.t, h.ada, h.ben
		friends(t, ada, ben)
		idle(t, ada, ben)
		time.Sleep(2 * acceptEvery)
		ben.host.Close()
		b, err := (&signal{Request: &request{}}).marshal()
		check(t, err)
		for range 500 {
			do(t, ada, func(t *turn) error {
				_, m := chat.NewMessage(chat.Clock{}, t.now, 0)
				m.Kind, m.Signal = chat.KindSignal, &chat.Opaque{Bytes: b}
				return t.apply(t.contact(ben.Account()), m, chat.Author{Account: ben.Account(), Device: 1})
			})
		}
		if got := ada.Stats().Waiting; got < 1 || got > 4 {
			t.Errorf("%d posts wait, want the answer and the profile", got)
		}
	})
}

// TestHoldInvite has as many strangers ask as are remembered: who shows a good invite is accepted all the same.
func TestHoldInvite(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada, ben := h.t, h.ada, h.ben
		do(t, ben, func(t *turn) error {
			for i := range maxRequests {
				c := &contact{contactBody: contactBody{State: Requested, Since: uint64(i + 1)}}
				binary.BigEndian.PutUint64(c.account[:], uint64(i+1))
				c.view = identity.NewView(c.account)
				t.putContact(c)
			}
			return nil
		})
		check(t, ada.host.Join(t.Context(), ben.host.Key(), ben.host.Addrs()))
		invite, err := ben.Invite(t.Context(), time.Hour, false)
		check(t, err)
		_, err = ada.Add(t.Context(), invite.String())
		check(t, err)
		time.Sleep(10 * time.Second)
		if x, y := knows(ada, ben), knows(ben, ada); x != Accepted || y != Accepted {
			t.Errorf("after 10 s with a good invite: %v, %v", x, y)
		}
	})
}

// TestHoldTags looks for the tags of junk in a turn in which the sessions with many devices changed. It is a look into a
// map, whatever changed: it takes no memory, where making tags does. What is no junk is found.
func TestHoldTags(t *testing.T) {
	network := p2ptest.New(1)
	t.Cleanup(network.Close)
	v, err := vault.Open(vault.Config{})
	check(t, err)
	t.Cleanup(func() { check(t, v.Close()) })
	check(t, Create(v, "Ada", time.Now()))
	n := asleep(t, network, v)
	turn := n.newTurn()
	for i := range 16 {
		d := device{identity.Account{byte(i), 1}, 1}
		q, err := n.newPeer(d, xeddsa.GenerateKey().Public())
		check(t, err)
		check(t, q.addChannel(n.envelopeParty(), envelope.NewSecret(), false, time.Now()))
		turn.putPeer(q, true)
		for _, tag := range q.tags {
			if got, ok := turn.findTag(tag); !ok || got.device != d {
				t.Fatalf("a tag of device %d is not found, or another's", i)
			}
		}
	}
	var junk envelope.Tag
	_, _ = rand.Read(junk[:])
	if allocs := testing.AllocsPerRun(100, func() {
		if _, ok := turn.findTag(junk); ok {
			t.Error("junk was found")
		}
	}); allocs > 0 {
		t.Errorf("a look takes %v allocations", allocs)
	}
}

// TestHoldJunkAnswers has a device answer one post with names of others, again and again: that is no answer, and does not
// hold the courier.
func TestHoldJunkAnswers(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada, ben := h.t, h.ada, h.ben
		friends(t, ada, ben)
		time.Sleep(10 * time.Minute)
		ben.host.Close()
		say(t, ada, ben, 1)
		mine, theirs := net.Pipe()
		k := &courier{n: ada.Node, to: device{ben.Account(), 1}, poke: make(chan struct{}, 1), rush: make(chan struct{}, 1), weak: make(chan []byte, 4)}
		s := &stream{k: k, conn: mine, out: frame.New(mine, envelope.MaxSize, lanePatience), in: frame.New(mine, frame.Max, lanePatience)}
		var liar sync.WaitGroup
		liar.Go(func() { _, _ = io.Copy(io.Discard, theirs) })
		liar.Go(func() {
			w := frame.New(theirs, frame.Max, lanePatience)
			for w.Write(make([]byte, answerSize)) == nil {
				time.Sleep(lanePatience / 2)
			}
		})
		defer liar.Wait()
		defer theirs.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		began := time.Now()
		moved, err := s.run(ctx)
		if took := time.Since(began); moved || !errors.Is(err, errNoAnswer) || took > answerPatience+time.Second {
			t.Errorf("the stream took %v and ended with %v, moved %v", took, err, moved)
		}
	})
}

// TestHoldRequest looks at what a stranger learns, and does, before it is accepted: nothing, until something is said that
// can be said.
func TestHoldRequest(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada, ben := h.t, h.ada, h.ben
		asks(t, ada, ben)
		ref := say(t, ada, ben, 1)[0]
		until(t, func() bool { _, err := ben.Message(ada.Account(), ref); return err == nil })
		idle(t, ada, ben)
		before := ben.Stats().Sent
		for name, text := range map[string]string{"nothing": "", "too much": strings.Repeat("a", chat.TextSize+1), "no UTF-8": "\xff"} {
			if _, err := ben.Send(t.Context(), ada.Account(), text, Ref{}); err == nil {
				t.Errorf("%s was said", name)
			}
		}
		check(t, ben.MarkRead(t.Context(), ada.Account(), ref.ID))
		from := ben.LastEvent()
		_, ring := chat.NewMessage(chat.Clock{}, time.Now(), 0)
		ring.Kind, ring.Call = chat.KindCall, &chat.Opaque{Bytes: []byte("ring")}
		raw, err := ring.AppendTo(nil)
		check(t, err)
		ada.post(t, ben, ring.ID, ring.Kind, raw)
		do(t, ben, func(t *turn) error { // as if Ada said that she knows an old manifest
			t.heads(t.contact(ada.Account()), t.peer(device{ada.Account(), 1}), &envelope.Inner{Seen: &identity.Head{}})
			return nil
		})
		time.Sleep(time.Hour)
		if got := ben.rings(t, from); got != 0 {
			t.Errorf("a stranger rang %d times", got)
		}
		if got := knows(ben, ada); got != Requested {
			t.Errorf("Ada is %v", got)
		}
		if m, err := ada.Message(ben.Account(), ref); err != nil || m.State() != Delivered {
			t.Errorf("the stranger sees %v: %v", m.State(), err)
		}
		if s := ben.Stats(); s.Sent != before || s.Waiting != 0 {
			t.Errorf("%d envelopes left for a stranger, and %d wait", s.Sent-before, s.Waiting)
		}
		if _, err := ben.Send(t.Context(), ada.Account(), "hello", Ref{}); err != nil || knows(ben, ada) != Accepted {
			t.Errorf("who is answered is %v: %v", knows(ben, ada), err)
		}
	})
}

// TestHoldAsked has a stranger say more than is stored of it. What is shown as delivered is there, and the rest comes once
// it is accepted.
func TestHoldAsked(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada, ben := h.t, h.ada, h.ben
		asks(t, ada, ben)
		refs := say(t, ada, ben, maxAsked+8)
		time.Sleep(time.Hour)
		there := func() (count int) {
			for _, ref := range refs {
				m, err := ada.Message(ben.Account(), ref)
				check(t, err)
				_, err = ben.Message(ada.Account(), ref)
				if err == nil {
					count++
				}
				if delivered := m.State() == Delivered; delivered != (err == nil) {
					t.Errorf("%q is %v, and there: %v", m.Text, m.State(), err)
				}
			}
			return count
		}
		if got := there(); got != maxAsked {
			t.Errorf("%d texts of a stranger are there, want %d", got, maxAsked)
		}
		check(t, ben.Accept(t.Context(), ada.Account()))
		idle(t, ada)
		if got := there(); got != len(refs) {
			t.Errorf("%d texts of a contact are there, want %d", got, len(refs))
		}
	})
}

// TestHoldRings sends a call's signal in two envelopes, as after a reset: it rings once.
func TestHoldRings(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada, ben := h.t, h.ada, h.ben
		friends(t, ada, ben)
		idle(t, ada, ben)
		from := ben.LastEvent()
		for range 2 {
			_, m := chat.NewMessage(chat.Clock{}, time.Now(), 0)
			m.Kind, m.Call = chat.KindCall, &chat.Opaque{Bytes: []byte("ring")}
			raw, err := m.AppendTo(nil)
			check(t, err)
			for range 2 {
				ada.post(t, ben, m.ID, m.Kind, raw)
			}
		}
		idle(t, ada)
		if got := ben.rings(t, from); got != 2 {
			t.Errorf("two calls rang %d times", got)
		}
	})
}
