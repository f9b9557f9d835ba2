// Package backup is the file in which an account is kept for a day on which its device is gone: contacts and history, and
// nothing with which anybody could speak in its place.
//
//	file    age ( zstd ( record* ) )
//	record  kind (1) ‖ uvarint length (≤ 1 MiB) ‖ CBOR
//	kinds   1 header · 2 account · 3 contact* · 4 clock* · 5 item* · 6 delivery* · 7 waiting* · 8 trailer
//
// The age tool opens it. The trailer counts all records and holds the SHA-256 of what came before, so that a file which
// was cut short, or written by a broken machine, is known as one. Both ways it streams: a record at a time is in memory.
//
// In it are no private keys but those tokens with which others invited this account, no sessions and no prekeys; nor what
// was deleted or has expired. Whose Device is restored from it enters anew. PROTOCOL.md has every field.
package backup

import (
	"errors"
	"time"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// Version is that of the format.
const Version = 1

// Bounds.
const (
	// RecordSize is the most that a record takes, in bytes.
	RecordSize = 1 << 20
	// MaxContacts is how many contacts a backup may have.
	MaxContacts = 1 << 17
)

// What a file may be.
var (
	// ErrFormat says that a file is no backup.
	ErrFormat = errors.New("backup: not a backup")
	// ErrKey says that the passphrase or the identity is not the right one.
	ErrKey = errors.New("backup: it does not open by this passphrase or identity")
	// ErrDamaged says that a backup is not what was written.
	ErrDamaged = errors.New("backup: damaged")
	// ErrLock says that a passphrase or recipient is none that a backup can be made for.
	ErrLock = errors.New("backup: no passphrase or recipient to make it for")
)

// kind is what a record is. A newer Linnet may write others, under another Version.
type kind byte

const (
	kindHeader   kind = 1
	kindAccount  kind = 2
	kindContact  kind = 3
	kindClock    kind = 4
	kindItem     kind = 5
	kindDelivery kind = 6
	kindWaiting  kind = 7
	kindTrailer  kind = 8
)

// Record is one of *Account, *Contact, *Clock, *Item, *Delivery and *Waiting. They come in this order.
type Record interface{ kind() kind }

// header begins a backup.
type header struct {
	Version uint64           `cbor:"1,keyasint"`
	Made    uint64           `cbor:"2,keyasint"` // ms since 1970
	Unknown identity.Unknown `cbor:"-"`
}

// Account is whose backup it is, and what it says of itself. There is one.
type Account struct {
	Account   identity.Account      `cbor:"1,keyasint"`
	Device    uint8                 `cbor:"2,keyasint"`            // that made the backup
	Manifest  []byte                `cbor:"3,keyasint" max:"2048"` // the newest that the device knew
	Discovery identity.DiscoveryKey `cbor:"4,keyasint"`
	Name      string                `cbor:"5,keyasint,omitempty" max:"128"`
	About     string                `cbor:"6,keyasint,omitempty" max:"512"`
	Profile   chat.Time             `cbor:"7,keyasint,omitempty"` // when name and about were set
	Relays    []Peer                `cbor:"8,keyasint,omitempty" max:"16"`
	Picture   []byte                `cbor:"9,keyasint,omitempty" max:"49152"` // a JPEG
	Pictured  chat.Time             `cbor:"10,keyasint,omitempty"`            // when it was set
	Unknown   identity.Unknown      `cbor:"-"`
}

// Contact is an account that this one knows. State and Before are numbers of node.ContactState.
type Contact struct {
	Account   identity.Account      `cbor:"1,keyasint"`
	Discovery identity.DiscoveryKey `cbor:"2,keyasint,omitempty"`
	State     uint8                 `cbor:"3,keyasint"`
	Manifest  []byte                `cbor:"4,keyasint,omitempty" max:"2048"`
	Name      string                `cbor:"5,keyasint,omitempty" max:"128"`
	Alias     string                `cbor:"6,keyasint,omitempty" max:"128"`
	Verified  bool                  `cbor:"7,keyasint,omitempty"`
	Since     uint64                `cbor:"8,keyasint"` // ms since 1970
	Before    uint8                 `cbor:"9,keyasint,omitempty"`
	Changed   uint64                `cbor:"10,keyasint,omitempty"` // ms since 1970
	About     string                `cbor:"11,keyasint,omitempty" max:"512"`
	NameTime  chat.Time             `cbor:"12,keyasint,omitempty"`
	NameID    chat.ID               `cbor:"13,keyasint,omitempty"`
	Told      chat.Time             `cbor:"14,keyasint,omitempty"` // the own profile that it was told
	Token     []byte                `cbor:"15,keyasint,omitempty" max:"32"`
	Waiting   uint32                `cbor:"16,keyasint,omitempty"` // items without a message
	Asked     uint32                `cbor:"17,keyasint,omitempty"`
	Sites     []Site                `cbor:"18,keyasint,omitempty" max:"8"`
	Peers     []Peer                `cbor:"19,keyasint,omitempty" max:"4"` // of the invite with which it was asked
	Picture   []byte                `cbor:"20,keyasint,omitempty" max:"49152"`
	Pictured  chat.Time             `cbor:"21,keyasint,omitempty"`
	PictureID chat.ID               `cbor:"22,keyasint,omitempty"`
	Unknown   identity.Unknown      `cbor:"-"`
}

// Site is where a device of a contact was: the first place to look for it.
type Site struct {
	Number    uint8                 `cbor:"1,keyasint"`
	Version   uint64                `cbor:"2,keyasint"`
	Bundle    descriptor.BundleKey  `cbor:"3,keyasint,omitempty"`
	Transport identity.TransportKey `cbor:"4,keyasint,omitempty"`
	Direct    [][]byte              `cbor:"5,keyasint,omitempty" max:"4" each:"40"`
	Boxes     []descriptor.Box      `cbor:"6,keyasint,omitempty" max:"4"`
	Unknown   identity.Unknown      `cbor:"-"`
}

// Peer is a node to begin with.
type Peer struct {
	Key     identity.TransportKey `cbor:"1,keyasint"`
	Addrs   [][]byte              `cbor:"2,keyasint" max:"4" each:"64"`
	Box     identity.BoxKey       `cbor:"3,keyasint,omitempty"`           // it is a relay, and this is a box of the contact there
	Token   []byte                `cbor:"4,keyasint,omitempty" max:"192"` // for the box
	Invited bool                  `cbor:"5,keyasint,omitempty"`           // of own relays: it came with an invite
	Unknown identity.Unknown      `cbor:"-"`
}

// Clock is how far the clock of a conversation is.
type Clock struct {
	Conversation chat.ConversationID `cbor:"1,keyasint"`
	Last         chat.Time           `cbor:"2,keyasint"`
	Unknown      identity.Unknown    `cbor:"-"`
}

// Item is a message of a conversation, with what was said about it. Of one that was taken away, only who said it when is
// left, so that it stays away.
type Item struct {
	Conversation chat.ConversationID
	Item         *chat.Item
}

// itemBody is how an Item travels.
type itemBody struct {
	Conversation chat.ConversationID `cbor:"1,keyasint"`
	Item         []byte              `cbor:"2,keyasint" max:"524288"`
	Unknown      identity.Unknown    `cbor:"-"`
}

// Delivery says when a device acknowledged an own message.
type Delivery struct {
	Account identity.Account `cbor:"1,keyasint"`
	Device  uint8            `cbor:"2,keyasint"`
	ID      chat.ID          `cbor:"3,keyasint"`
	Time    chat.Time        `cbor:"4,keyasint"`
	Unknown identity.Unknown `cbor:"-"`
}

// Waiting says that an own message has not come to a device yet, 0 for all of an account whose devices are not known. What
// is no line of its own, such as a reaction, is in it; a line is an Item.
type Waiting struct {
	Account identity.Account `cbor:"1,keyasint"`
	Device  uint8            `cbor:"2,keyasint,omitempty"`
	ID      chat.ID          `cbor:"3,keyasint"`
	Kind    chat.Kind        `cbor:"4,keyasint"`
	Said    uint64           `cbor:"5,keyasint"` // ms since 1970
	Failed  string           `cbor:"6,keyasint,omitempty" max:"120"`
	Message []byte           `cbor:"7,keyasint,omitempty" max:"55296"`
	Unknown identity.Unknown `cbor:"-"`
}

// trailer ends a backup.
type trailer struct {
	Hash    [32]byte         `cbor:"1,keyasint"` // SHA-256 of all records before, as they are written
	Counts  []byte           `cbor:"2,keyasint" max:"64"`
	Damaged uint64           `cbor:"3,keyasint,omitempty"`
	Unknown identity.Unknown `cbor:"-"`
}

func (*Account) kind() kind  { return kindAccount }
func (*Contact) kind() kind  { return kindContact }
func (*Clock) kind() kind    { return kindClock }
func (*Item) kind() kind     { return kindItem }
func (*Delivery) kind() kind { return kindDelivery }
func (*Waiting) kind() kind  { return kindWaiting }

// Summary is what is in a backup.
type Summary struct {
	Made     time.Time
	Account  identity.Account
	Device   uint8
	Name     string
	Contacts int
	Messages int // that are shown
	Waiting  int
	Damaged  uint64 // records that could not be read when it was made, and are not in it
}

// note counts a record.
func (s *Summary) note(r Record) {
	switch r := r.(type) {
	case *Account:
		s.Account, s.Device, s.Name = r.Account, r.Device, r.Name
	case *Contact:
		s.Contacts++
	case *Item:
		if r.Item.Message != nil && !r.Item.Deleted && !r.Item.Erased {
			s.Messages++
		}
	case *Waiting:
		s.Waiting++
	case *Clock, *Delivery:
	}
}
