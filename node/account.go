package node

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"github.com/linnetmesh/linnet/crypto/bundle"
	"github.com/linnetmesh/linnet/crypto/envelope"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/session"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
)

// selfBody is what a device knows of itself.
type selfBody struct {
	Seed           []byte           `cbor:"1,keyasint,omitempty" max:"32"` // until the words are confirmed
	Identity       []byte           `cbor:"2,keyasint" max:"32"`
	Number         uint8            `cbor:"3,keyasint"`
	RegistrationID uint32           `cbor:"4,keyasint"`
	Discovery      []byte           `cbor:"5,keyasint" max:"32"`
	Root           []byte           `cbor:"6,keyasint,omitempty" max:"32"` // of stewards
	RootIndex      uint32           `cbor:"7,keyasint,omitempty"`
	View           []byte           `cbor:"8,keyasint" max:"40960"`
	Record         uint64           `cbor:"9,keyasint,omitempty"` // version of the last device record
	BundleKey      []byte           `cbor:"10,keyasint" max:"32"`
	Counter        uint32           `cbor:"11,keyasint"`            // last version of a bundle, or id of a part
	Bundle         []byte           `cbor:"12,keyasint" max:"4096"` // sealed, as it is handed out
	Name           string           `cbor:"13,keyasint,omitempty" max:"128"`
	About          string           `cbor:"14,keyasint,omitempty" max:"512"`
	Profile        chat.Time        `cbor:"15,keyasint,omitempty"` // when name and about were set
	Hours          uint64           `cbor:"17,keyasint,omitempty"` // how many hours the node ran
	Seals          []ownSeal        `cbor:"16,keyasint,omitempty" max:"4"`
	Former         []formerKey      `cbor:"18,keyasint,omitempty" max:"4"`
	Picture        [32]byte         `cbor:"19,keyasint,omitempty"` // its hash; zero: none
	Pictured       chat.Time        `cbor:"20,keyasint,omitempty"` // when it was set, or taken away; zero: there never was one
	Unknown        identity.Unknown `cbor:"-"`
}

// self is the device and its account. It is a value: a change makes another.
type self struct {
	selfBody
	seed      identity.Seed
	identity  xeddsa.PrivateKey
	number    uint8
	discovery identity.DiscoveryPrivateKey
	view      identity.View
	bundleKey bundle.Key

	privates []*private // of bundles, the newest first; they lie in a drawer of their own
}

// private is the private half of a bundle, and what was opened with its last-resort key. The turns alone use it.
type private struct {
	*bundle.Private
	replays *session.Replays
}

func (s *self) clone() *self {
	c := *s
	return &c
}

// entry returns the device as the manifest lists it.
func (s *self) entry() (identity.Device, error) {
	for _, d := range s.view.Devices() {
		if d.Number() == s.number && d.Identity() == s.identity.Public() {
			return d, nil
		}
	}
	return identity.Device{}, identity.ErrRevoked
}

func (s *self) envelopeKeys() (keys []envelope.PrivateKey) {
	for _, p := range s.privates {
		keys = append(keys, p.EnvelopeKey)
	}
	return keys
}

func (s *self) address() identity.Address {
	return identity.Address{Account: s.view.Account(), Discovery: s.discovery.Public()}
}

func (s *self) marshal() ([]byte, error) {
	body := s.selfBody
	body.Seed, body.Identity, body.Number = s.seed.AppendTo(nil), s.identity.AppendTo(nil), s.number
	body.Discovery, body.View = s.discovery.AppendTo(nil), s.view.AppendTo(nil)
	body.BundleKey = s.bundleKey.AppendTo(nil)
	return identity.Marshal(&body)
}

func parseSelf(b []byte) (*self, error) {
	s := new(self)
	if err := identity.Unmarshal(b, maxStored, &s.selfBody); err != nil {
		return nil, fmt.Errorf("reading the account: %w", err)
	}
	var errs [6]error
	if len(s.Seed) > 0 {
		s.seed, errs[0] = identity.ParseSeed(s.Seed)
	}
	s.identity, errs[1] = xeddsa.ParsePrivateKey(s.Identity)
	s.discovery, errs[2] = identity.ParseDiscoveryPrivateKey(s.Discovery)
	s.view, errs[3] = identity.ParseView(s.View)
	s.bundleKey, errs[4] = bundle.ParseKey(s.BundleKey)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("reading the account: %w", err)
	}
	s.number = s.Number
	clear(s.Seed)
	s.Seed, s.Identity, s.Discovery, s.View, s.BundleKey = nil, nil, nil, nil, nil
	return s, nil
}

// Create makes an account, with this device as its first, in a vault that has none. The name is what contacts will see,
// at most 128 bytes, and may be empty. It is durable when Create returns. The error is ErrAccountExists, or the vault's.
func Create(v *vault.Vault, name string, now time.Time) error {
	if err := vacate(v); err != nil {
		return err
	}
	seed := identity.NewSeed()
	s := &self{seed: seed}
	if err := s.begin(seed, identity.NewView(publicOf(seed)), now); err != nil {
		return err
	}
	s.setRoot(seed, 0)
	return s.install(v, v.NewBatch(), name, now)
}

// Recover makes a device of an account, in a vault that has none, from its words alone: without contacts and history. It
// begins an epoch with this device as the only one, so all others are off the account. It is found under the first of the
// account's discovery keys, and under those that restoring took, so that whoever knows an older address finds it, too.
// The errors are those of Create, and of identity.ParseWords.
func Recover(v *vault.Vault, words, name string, now time.Time) error {
	seed, err := identity.ParseWords(words)
	if err != nil {
		return err
	}
	defer seed.Erase()
	if err := vacate(v); err != nil {
		return err
	}
	s := new(self)
	if err := s.begin(seed, identity.NewView(publicOf(seed)), now); err != nil {
		return err
	}
	s.setRoot(seed, 0)
	for n := range uint32(maxFormer - 1) {
		s.leave(seed.DiscoveryRoot(n+1).Key(0), now)
	}
	return s.install(v, v.NewBatch(), name, now)
}

func publicOf(seed identity.Seed) identity.Account {
	key := seed.Account()
	return key.Public()
}

// AccountOfWords returns whose words these are. The errors are those of identity.ParseWords.
func AccountOfWords(words string) (Account, error) {
	seed, err := identity.ParseWords(words)
	if err != nil {
		return Account{}, err
	}
	defer seed.Erase()
	return publicOf(seed), nil
}

// vacate makes sure that a vault holds no account. What a restore left that was cut short goes.
func vacate(v *vault.Vault) error {
	if _, err := v.Get(vault.Account, selfKey); err == nil {
		return ErrAccountExists
	} else if !errors.Is(err, vault.ErrNotFound) {
		return err
	}
	_, err := v.Get(vault.Account, restoringKey)
	if errors.Is(err, vault.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return v.Clear()
}

// begin makes a self the only device, and the steward, of a new epoch of an account, of which this much is known. Its
// number is none that a known device has or had.
func (s *self) begin(seed identity.Seed, known identity.View, now time.Time) (err error) {
	account := seed.Account()
	s.identity, s.number = xeddsa.GenerateKey(), freeNumber(known)
	device, err := identity.NewDevice(account.Public(), s.number, s.identity, now)
	if err != nil {
		return err
	}
	stewards, err := account.NewEpoch(known.Stewards().Epoch(), now, device)
	if err != nil {
		return err
	}
	manifest, err := stewards.Begin(s.identity, now, device)
	if err != nil {
		return err
	}
	s.view, err = known.Apply(manifest)
	return err
}

// freeNumber returns 1 for the first device, otherwise a number that no known device has or had, at random.
func freeNumber(known identity.View) uint8 {
	if known.Manifest() == nil {
		return 1
	}
	if n, err := known.FreeNumber(); err == nil {
		return n
	}
	var free []uint8 // there are as many devices as there can be, and all of them go
	for n := uint8(1); n <= identity.MaxNumber; n++ {
		active := slices.ContainsFunc(known.Devices(), func(d identity.Device) bool { return d.Number() == n })
		if !active && !known.Revoked().Has(n) {
			free = append(free, n)
		}
	}
	if len(free) == 0 {
		return 1 // in a new epoch that is no mistake: it is another device by its key
	}
	return free[mathrand.IntN(len(free))] //nolint:gosec // it is no secret
}

// setRoot gives a steward the n-th discovery root, and its first key.
func (s *self) setRoot(seed identity.Seed, n uint32) {
	root := seed.DiscoveryRoot(n)
	s.Root, s.RootIndex, s.discovery = root.AppendTo(nil), n, root.Key(0)
}

// install completes a self with what every device makes for itself, and stores it with what else is in the batch.
func (s *self) install(v *vault.Vault, batch *vault.Batch, name string, now time.Time) error {
	profile := chat.Profile{Name: name}
	_, message := chat.NewMessage(chat.Clock{}, now, 0)
	message.Kind, message.Profile = chat.KindProfile, &profile
	if _, err := message.AppendTo(nil); err != nil { // the name is in order
		return fmt.Errorf("name: %w", err)
	}
	if s.Profile == 0 {
		s.Name, s.Profile = name, message.Time
	}
	s.RegistrationID = registrationID()
	s.bundleKey = bundle.GenerateKey()
	if err := s.issue(batch, now); err != nil {
		return err
	}
	b, err := s.marshal()
	if err != nil {
		return err
	}
	if err := batch.Put(vault.Account, selfKey, b); err != nil {
		return err
	}
	return v.Commit(batch)
}

// registrationID draws the number that tells installations apart in the Signal Protocol: 1..16380.
func registrationID() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // it never fails
	return binary.BigEndian.Uint32(b[:])%16380 + 1
}

// Words returns the 24 words of the seed, for its owner's eyes alone, until ConfirmWords. The error is ErrNoWords after.
func (n *Node) Words() ([]string, error) {
	s := n.currentSelf()
	if s.seed.IsZero() {
		return nil, ErrNoWords
	}
	return s.seed.Words()
}

// ErrNoWords says that the seed is not on this device: its words were confirmed, or it is on another.
var ErrNoWords = errors.New("node: the words are not on this device any more")

// ErrWrongWords says that words are not those of this account.
var ErrWrongWords = errors.New("node: these are not the words of this account")

// ConfirmWords erases the seed from this device, once its owner has shown to have the words.
func (n *Node) ConfirmWords(ctx context.Context, words string) error {
	seed, err := identity.ParseWords(words)
	if err != nil {
		return err
	}
	defer seed.Erase()
	if a := seed.Account(); a.Public() != n.me {
		return ErrWrongWords
	}
	return n.run(ctx, func(t *turn) error {
		s := t.getSelf()
		if s.seed.IsZero() {
			return nil
		}
		old := s.seed
		s = s.clone()
		s.seed = identity.Seed{}
		t.after(old.Erase)
		t.putSelf(s)
		return nil
	})
}
