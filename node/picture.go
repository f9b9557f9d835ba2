package node

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/picture"
	"github.com/linnetmesh/linnet/node/vault"
)

// Bounds of pictures.
const (
	MaxPicture     = picture.Size    // bytes of a picture, as it is sent and kept
	MaxPictureFile = picture.MaxFile // bytes of a file that SetPicture takes
)

// ErrPicture says that a file is no picture that can be shown.
var ErrPicture = picture.ErrPicture

// ErrPictureLarge says that a picture has too many bytes or pixels.
var ErrPictureLarge = picture.ErrLarge

// ErrNoPicture says that an account has no picture.
var ErrNoPicture = errors.New("node: no picture")

// PictureHash tells pictures of an account apart: SHA-256 of it, as it is kept here; zero if there is none.
type PictureHash = [32]byte

func pictureKey(a identity.Account) []byte { return append([]byte{'a'}, a[:]...) }

// Picture returns the picture of an account, of this one or of a contact: a JPEG of 256 × 256 pixels, at most MaxPicture
// bytes, which this node has encoded itself. The errors are ErrUnknownContact, ErrNoPicture, and the vault's.
func (n *Node) Picture(a Account) ([]byte, error) {
	if c := n.contact(a); a != n.me && (c == nil || c.State == myself) {
		return nil, ErrUnknownContact
	}
	b, err := n.config.Vault.Get(vault.Setting, pictureKey(a))
	if errors.Is(err, vault.ErrNotFound) {
		return nil, ErrNoPicture
	}
	return b, err
}

// OwnPicture returns what names the picture of this account, zero if it has none.
func (n *Node) OwnPicture() PictureHash { return n.currentSelf().Picture }

// SetPicture makes a picture of the account of the middle of a file, a JPEG, PNG or WebP of at most MaxPictureFile bytes,
// and tells all contacts; an empty file takes it away. What the file says besides the pixels goes nowhere. The errors are
// ErrPicture, ErrPictureLarge, and the vault's.
func (n *Node) SetPicture(ctx context.Context, file []byte) error {
	var made []byte
	if len(file) > 0 {
		n.picturing.Lock() // one at a time: a large one takes much memory
		b, err := picture.Make(file)
		n.picturing.Unlock()
		if err != nil {
			return err
		}
		made = b
	}
	return n.run(ctx, func(t *turn) error {
		s := t.getSelf().clone()
		if pictureHash(made) == s.Picture {
			return nil
		}
		_, m := chat.NewMessage(chat.Clock{}, t.now, s.Pictured)
		s.Picture, s.Pictured = pictureHash(made), m.Time
		t.keepPicture(n.me, made)
		t.putSelf(s)
		t.after(n.tellPictures)
		return nil
	})
}

func pictureHash(image []byte) PictureHash { return (&chat.Avatar{Image: image}).Hash() }

// keepPicture keeps a picture of an account, or forgets the one that there is.
func (t *turn) keepPicture(a identity.Account, image []byte) {
	if len(image) == 0 {
		t.remove(vault.Setting, pictureKey(a))
		return
	}
	t.put(vault.Setting, pictureKey(a), slices.Clone(image))
}

// tellPicture tells a contact how this account looks.
func (t *turn) tellPicture(c *contact) error {
	s := t.getSelf()
	var image []byte
	if s.Picture != (PictureHash{}) {
		b, err := t.batch.Get(vault.Setting, pictureKey(t.n.me))
		if err != nil {
			return t.fail(err)
		}
		image = b
	}
	_, err := t.say(c, s.Pictured-1, 0, func(m *chat.Message) {
		m.Kind, m.Avatar = chat.KindAvatar, &chat.Avatar{Image: image}
	})
	if c = t.contact(c.account); err == nil && c.Shown != s.Pictured {
		c = c.clone()
		c.Shown = s.Pictured
		t.putContact(c)
	}
	return err
}

// tellPictures tells the contacts that do not know it how this account looks now. Who never saw one is not told that there
// is none.
func (n *Node) tellPictures() {
	s := n.currentSelf()
	n.some(1, func(c *contact) bool { // each is large
		return c.State == Accepted && c.Shown < s.Pictured && (c.Shown != 0 || s.Picture != PictureHash{})
	}, (*turn).tellPicture)
}

// takePicture remembers how somebody looks: the latest counts. What came is kept as this node encodes it anew; what cannot
// be read is as if it had not come.
func (t *turn) takePicture(c *contact, m *chat.Message, from chat.Author) {
	own := from.Account == t.n.me
	switch {
	case own && from.Device == t.n.number: // what was said here is kept already
		return
	case !own && (c.State == Requested || c.State == Blocked): // who only asks is known by name
		return
	case !own && cmp.Or(cmp.Compare(m.Time, c.Pictured), bytes.Compare(m.ID[:], c.PictureID[:])) <= 0:
		return
	}
	image := m.Avatar.Image
	if own && t.n.copied.came != (PictureHash{}) && t.n.copied.came == pictureHash(image) { // as for the contact before
		t.copyPicture(c, t.n.copied.image, m.Time)
		return
	}
	if len(image) > 0 {
		if !own && !t.n.mayRenew(from.Account, t.now) {
			return
		}
		var err error
		if image, err = picture.Renew(image); err != nil {
			t.n.log.Warn("a picture is not as it must be", "error", err)
			return
		}
	}
	if own {
		t.n.copied = copied{pictureHash(m.Avatar.Image), image}
		t.copyPicture(c, image, m.Time)
		return
	}
	t.keepPicture(from.Account, image)
	c = c.clone()
	c.Picture, c.Pictured, c.PictureID = pictureHash(image), m.Time, m.ID
	t.putContact(c)
	t.tell(Event{Kind: EventContact, Account: c.account})
}

// maxRenewals is how many pictures of one account are decoded in a minute. Each takes some ten milliseconds, in which no other
// message is taken: nobody keeps this node busy with that.
const maxRenewals = 8

// renewals counts those of a minute.
type renewals struct {
	count int
	since time.Time
}

// mayRenew tells whether another picture of an account is decoded now, and counts it.
func (n *Node) mayRenew(a identity.Account, now time.Time) bool {
	r := n.renewed[a]
	if now.Sub(r.since).Abs() > time.Minute {
		r = renewals{since: now}
	}
	if r.count >= maxRenewals {
		return false
	}
	r.count++
	n.renewed[a] = r
	return true
}

// copied is the picture that another own device told last: to each contact once, so it comes as often.
type copied struct {
	came  PictureHash
	image []byte // as this node encodes it
}

// copyPicture remembers what another device of one's own told a contact: how this account looks, and that the contact knows.
// The other device tells each contact at another time: the same picture again is not a newer one.
func (t *turn) copyPicture(c *contact, image []byte, at chat.Time) {
	s := t.getSelf()
	if hash := pictureHash(image); hash != s.Picture {
		if at <= s.Pictured {
			return
		}
		s = s.clone()
		s.Picture, s.Pictured = hash, at
		t.keepPicture(t.n.me, image)
		t.putSelf(s)
	}
	if c.State != myself && c.Shown < s.Pictured {
		c = c.clone()
		c.Shown = s.Pictured
		t.putContact(c)
	}
}
