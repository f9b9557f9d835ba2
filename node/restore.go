package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/backup"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/picture"
	"github.com/linnetmesh/linnet/node/vault"
)

// restoringKey marks a vault that a restore fills. It is there before anything else, and goes with the commit that makes
// the vault an account's, so what a restore leaves that was cut short is known as such.
var restoringKey = []byte("restore")

// How many discovery roots, and keys of each, may have been used.
const (
	maxRoots    = 256
	maxRootKeys = 4
)

// VerifyBackup reads a backup to its end, and returns what is in it. The errors are ErrBackup, ErrBackupKey,
// ErrBackupDamaged, ErrNewer, and those of in and ctx.
func VerifyBackup(ctx context.Context, in io.Reader, key BackupKey) (BackupSummary, error) {
	r, err := backup.NewReader(in, key)
	if err != nil {
		return BackupSummary{}, err
	}
	defer r.Close()
	for ctx.Err() == nil {
		if _, err := r.Next(); errors.Is(err, io.EOF) {
			return r.Summary(), nil
		} else if err != nil {
			return BackupSummary{}, err
		}
	}
	return BackupSummary{}, ctx.Err()
}

// Restore makes a device of the account that a backup is of, in a vault that has none: contacts, history and what waited
// are there, and New finds the account. It takes the words, begins a new epoch with this device as the only one, and takes
// the next discovery root. So the devices of before are off the account, and each contact is told so by a first message.
//
// Where it fails or is killed, the vault holds no account, and it can be tried again. The errors are those of
// VerifyBackup, ErrAccountExists, those of identity.ParseWords, ErrWrongWords for another account's words, and the
// vault's.
func Restore(ctx context.Context, v *vault.Vault, in io.Reader, key BackupKey, words string, now time.Time) (BackupSummary, error) {
	seed, err := identity.ParseWords(words)
	if err != nil {
		return BackupSummary{}, err
	}
	defer seed.Erase()
	if err := vacate(v); err != nil {
		return BackupSummary{}, err
	}
	r, err := backup.NewReader(in, key)
	if err != nil {
		return BackupSummary{}, err
	}
	defer r.Close()
	x := &restoring{v: v, batch: v.NewBatch(), now: now, self: new(self), known: make(map[identity.Account]bool)}
	if err := x.begin(r, seed); err != nil {
		return BackupSummary{}, err
	}
	if err := errors.Join(x.batch.Put(vault.Account, restoringKey, []byte{1}), v.Commit(x.batch)); err != nil {
		return BackupSummary{}, err
	}
	if err = x.fill(ctx, r); err == nil {
		err = x.end(r.Summary())
	}
	if err != nil {
		return BackupSummary{}, errors.Join(fmt.Errorf("restoring: %w", err), v.Clear())
	}
	return r.Summary(), nil
}

// restoring is a restore on its way.
type restoring struct {
	v        *vault.Vault
	batch    *vault.Batch
	now      time.Time
	me       identity.Account
	self     *self
	known    map[identity.Account]bool
	last     uint64 // number of the newest post
	manifest []byte
}

// begin reads whose backup it is, and makes the device that the account goes on with.
func (x *restoring) begin(r *backup.Reader, seed identity.Seed) error {
	first, err := r.Next()
	if err != nil {
		return err
	}
	a, ok := first.(*backup.Account)
	if !ok {
		return ErrBackupDamaged
	}
	if x.me = publicOf(seed); a.Account != x.me {
		return ErrWrongWords
	}
	known, _, err := identity.NewView(x.me).Read(a.Manifest)
	if err != nil {
		return wrong("its manifest", err)
	}
	s := x.self
	if err := s.begin(seed, known, x.now); err != nil {
		return err
	}
	root, former, ok := findKey(seed, a.Discovery)
	if !ok {
		return fmt.Errorf("%w: its discovery key is not the account's", ErrBackupDamaged)
	}
	s.setRoot(seed, root+1)
	s.leave(former, x.now)
	s.Name, s.About, s.Profile = a.Name, a.About, a.Profile
	if s.Picture, err = x.picture(x.me, a.Picture); err != nil {
		return err
	}
	s.Pictured = a.Pictured      // contacts are told anew: what waited for them is not in the backup
	for i, p := range a.Relays { // with boxes of its own: those of the old device are read by nobody any more
		r := &ownRelay{key: p.Key, relayBody: relayBody{State: RelayAllowed, Addrs: p.Addrs, Since: millisOf(x.now), Invited: p.Invited}}
		if i < MaxRelays {
			r.open(x.now)
		}
		b, err := r.marshal()
		if err == nil {
			err = x.batch.Put(vault.Peer, relayKey(r.key), b)
		}
		if err != nil {
			return err
		}
	}
	x.manifest = s.view.Manifest().AppendTo(nil)
	return nil
}

// findKey returns a discovery key of an account, and the number of the root that it comes from.
func findKey(seed identity.Seed, public identity.DiscoveryKey) (root uint32, key identity.DiscoveryPrivateKey, ok bool) {
	for n := range uint32(maxRoots) {
		r := seed.DiscoveryRoot(n)
		for i := range uint32(maxRootKeys) {
			if key := r.Key(i); key.Public() == public {
				return n, key, true
			}
		}
	}
	return 0, key, false
}

func wrong(what string, err error) error {
	if errors.Is(err, identity.ErrNewer) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", ErrBackupDamaged, what, err)
}

// fill stores what is in the backup.
func (x *restoring) fill(ctx context.Context, r *backup.Reader) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch record := record.(type) {
		case *backup.Contact:
			err = x.contact(record)
		case *backup.Clock:
			if x.known[identity.Account(record.Conversation)] {
				err = x.batch.Put(vault.Setting, clockKey(record.Conversation), clockBytes(chat.ParseClock(record.Last)))
			}
		case *backup.Item:
			if x.known[identity.Account(record.Conversation)] {
				record.Item.Expire(x.me, x.now)
				err = x.batch.PutItem(record.Conversation, record.Item)
			}
		case *backup.Delivery:
			if x.known[record.Account] {
				at := binary.BigEndian.AppendUint64(nil, uint64(record.Time))
				err = x.batch.Put(vault.Delivery, deliveryKey(device{record.Account, record.Device}, record.ID), at)
			}
		case *backup.Waiting:
			err = x.waiting(record)
		case *backup.Account: // only the first is one
		}
		if err == nil && x.batch.Full() {
			err = x.v.Commit(x.batch)
		}
		if err != nil {
			return err
		}
	}
}

// contact stores a contact, and a first message to it.
func (x *restoring) contact(b *backup.Contact) error {
	c := &contact{account: b.Account, view: identity.NewView(b.Account), contactBody: contactBody{
		State: ContactState(b.State), Before: ContactState(b.Before), Discovery: b.Discovery, Name: b.Name, About: b.About,
		NameTime: b.NameTime, NameID: b.NameID, Alias: b.Alias, Verified: b.Verified, Since: b.Since, Changed: b.Changed,
		Told: b.Told, Waiting: b.Waiting, Asked: b.Asked, Token: b.Token,
	}}
	_, err := identity.ParseAccount(b.Account[:])
	if err == nil && !b.Discovery.IsZero() {
		_, err = identity.ParseDiscoveryKey(b.Discovery[:])
	}
	if err == nil && len(b.Manifest) > 0 {
		c.view, _, err = c.view.Read(b.Manifest)
	}
	if err == nil && (c.State < Asked || c.State > Blocked || c.Before > Blocked || c.account == x.me || x.known[c.account]) {
		err = identity.ErrMalformed
	}
	if err != nil {
		return wrong("a contact", err)
	}
	for _, s := range b.Sites {
		c.Sites = append(c.Sites, site{
			Number: s.Number, Version: s.Version, Bundle: s.Bundle, Transport: s.Transport, Direct: s.Direct, Boxes: s.Boxes,
		})
	}
	for _, p := range b.Peers {
		c.Hints = append(c.Hints, invitePeer{Key: p.Key, Addrs: p.Addrs, Box: p.Box, Token: p.Token})
	}
	if c.Picture, err = x.picture(c.account, b.Picture); err != nil {
		return err
	}
	c.Pictured, c.PictureID = b.Pictured, b.PictureID
	x.known[c.account] = true
	if err := c.store(x.v, x.batch); err != nil {
		return err
	}
	return x.greet(c)
}

// picture stores the picture of an account, and returns its hash. A file is as hostile as what comes: what cannot be read is
// as if there were none.
func (x *restoring) picture(a identity.Account, image []byte) (PictureHash, error) {
	if len(image) == 0 {
		return PictureHash{}, nil
	}
	image, err := picture.Renew(image)
	if err != nil {
		return PictureHash{}, nil //nolint:nilerr // a picture is not worth a restore
	}
	return pictureHash(image), x.batch.Put(vault.Setting, pictureKey(a), image)
}

// greet queues what opens a session with each device of a contact: who this is now, and where.
func (x *restoring) greet(c *contact) error {
	s := &signal{Manifest: x.manifest, Address: x.self.address().String()}
	switch c.State {
	case Accepted:
	case Asked:
		s.Request = &request{Token: c.Token, Name: x.self.Name}
	default:
		return nil // a stranger is not told, and a blocked one neither
	}
	b, err := s.marshal()
	if err != nil {
		return err
	}
	_, m := chat.NewMessage(chat.Clock{}, x.now, 0)
	m.Kind, m.Signal = chat.KindSignal, &chat.Opaque{Bytes: b}
	raw, err := m.AppendTo(nil)
	if err != nil {
		return err
	}
	to := []device{{c.account, 0}}
	if all := c.view.Devices(); len(all) > 0 {
		to = nil
		for _, d := range all {
			to = append(to, device{c.account, d.Number()})
		}
	}
	for _, d := range to {
		if err := x.queue(&post{device: d, postBody: postBody{
			Conversation: c.conversation(), ID: m.ID, Kind: m.Kind, Message: raw, Said: millisOf(x.now),
		}}); err != nil {
			return err
		}
	}
	return nil
}

func (x *restoring) queue(p *post) error {
	x.last++
	p.number = x.last
	b, err := p.marshal()
	if err != nil {
		return err
	}
	return x.batch.Put(vault.Outbox, p.key(), b)
}

// waiting queues a message that had not come to a device: what it says is the same as before, so that it is not shown
// twice where it has come meanwhile.
func (x *restoring) waiting(w *backup.Waiting) error {
	if !x.known[w.Account] {
		return nil
	}
	p := &post{device: device{w.Account, w.Device}, postBody: postBody{
		Conversation: chat.Direct(w.Account), ID: w.ID, Kind: w.Kind, Message: w.Message, Said: w.Said,
	}}
	if w.Kind.Shown() {
		it, err := x.batch.Item(p.Conversation, chat.Ref{Author: x.me, ID: w.ID})
		if errors.Is(err, vault.ErrNotFound) || err == nil && (it.Message == nil || it.Deleted || it.Erased) {
			return nil // it has expired meanwhile
		}
		if err != nil {
			return err
		}
		if p.Message, err = it.Message.AppendTo(nil); err != nil {
			return err
		}
	} else if m, err := chat.ParseMessage(w.Message); err != nil || m.ID != w.ID || m.Kind != w.Kind {
		return wrong("a message that waits", errors.Join(err, errStored))
	}
	if w.Failed != "" {
		p.state = p.state.Step(x.now, chat.Input{Event: chat.GivenUp, Why: w.Failed}, 0)
	}
	return x.queue(p)
}

// end makes the vault the account's.
func (x *restoring) end(s BackupSummary) error {
	me := &contact{account: x.me, view: x.self.view, contactBody: contactBody{State: myself, Since: millisOf(x.now)}}
	if err := me.store(x.v, x.batch); err != nil {
		return err
	}
	if err := x.batch.Delete(vault.Account, restoringKey); err != nil {
		return err
	}
	made := binary.BigEndian.AppendUint64(nil, millisOf(s.Made))
	if err := x.batch.Put(vault.Account, backedUpKey, made); err != nil {
		return err
	}
	return x.self.install(x.v, x.batch, x.self.Name, x.now)
}
