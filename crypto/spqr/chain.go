package spqr

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/linnetmesh/linnet/crypto/internal/kdf"
	"github.com/linnetmesh/linnet/crypto/internal/skipped"
)

const (
	// maxIndex is the last index of a chain.
	maxIndex = math.MaxUint32 - 1
	// maxJump is how many messages may be skipped: one less than in the Double Ratchet, for the first index is 1.
	maxJump = skipped.MaxJump - 1
)

// The labels of the key derivations. The two spaces in labelStart are meant.
const (
	labelStart = "Signal PQ Ratchet V1 Chain  Start"
	labelEpoch = "Signal PQ Ratchet V1 Chain Add Epoch"
	labelNext  = "Signal PQ Ratchet V1 Chain Next"
)

// chains are the message keys of the last epochs. It is a value; what its slices hold is never written to.
type chains struct {
	root      [32]byte // the next epoch comes from it
	initiator bool     // sends with the first of the two keys of an epoch
	sendEpoch uint64   // the epoch of the last message sent
	links     []link   // of successive epochs, oldest first; 1 to maxLinks
}

// maxLinks is the most epochs that are held at once: the one before that of the last message sent, that one, and the one
// after it. No further one can come about without sending.
const maxLinks = 3

// link is one epoch of the chains.
type link struct {
	epoch uint64
	send  chain // next is erased once a later epoch is used for sending
	recv  chain
	late  skipped.Keys // of messages that did not come yet
}

// chain is a symmetric-key ratchet whose first index is 1.
type chain struct {
	index uint32 // of the last key made
	next  [32]byte
}

func startChains(secret *[32]byte, initiator bool) chains {
	c := chains{initiator: initiator}
	c.addLink(0, nil, secret, labelStart)
	return c
}

// addEpoch adds the epoch after the newest one, from the secret of its exchange.
func (c *chains) addEpoch(epoch uint64, secret *[32]byte) {
	root := c.root
	c.addLink(epoch, root[:], secret, labelEpoch)
}

func (c *chains) addLink(epoch uint64, salt []byte, secret *[32]byte, label string) {
	var out [96]byte
	kdf.HKDF(out[:], salt, secret[:], label)
	c.root = [32]byte(out[:32])
	ours, theirs := chain{next: [32]byte(out[32:64])}, chain{next: [32]byte(out[64:])}
	if !c.initiator {
		ours, theirs = theirs, ours
	}
	c.links = append(slices.Clip(c.links), link{epoch: epoch, send: ours, recv: theirs})
}

// at returns the place of an epoch's link, or -1.
func (c *chains) at(epoch uint64) int {
	return slices.IndexFunc(c.links, func(l link) bool { return l.epoch == epoch })
}

// sendKey returns the next key for sending in an epoch, which never falls. When it rises, what is no longer needed
// of older epochs is forgotten.
func (c *chains) sendKey(epoch uint64) (index uint32, key [32]byte, err error) {
	i := c.at(epoch)
	if i < 0 || epoch < c.sendEpoch {
		return 0, key, ErrEpoch
	}
	links := slices.Clone(c.links)
	if epoch > c.sendEpoch {
		c.sendEpoch = epoch
		for j := range i {
			links[j].send.next = [32]byte{}
		}
		keep := max(i-1, 0)
		links, i = links[keep:], i-keep
	}
	c.links = links
	send := &links[i].send
	if send.index == maxIndex {
		return 0, key, ErrExhausted
	}
	key = send.step()
	return send.index, key, nil
}

// recvKey returns the key of a received message, once.
func (c *chains) recvKey(epoch uint64, index uint32) (key [32]byte, err error) {
	i := c.at(epoch)
	if i < 0 {
		return key, ErrEpoch
	}
	l := c.links[i] // a copy
	key, l.late, err = l.late.Key(l.recv.index+1, index, maxJump, func(bool) [32]byte { return l.recv.step() })
	if err != nil {
		return key, fromSkipped(err)
	}
	c.links = slices.Clone(c.links)
	c.links[i] = l
	return key, nil
}

// step makes the next key.
func (c *chain) step() (key [32]byte) {
	c.index++
	info := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(labelNext)), c.index)
	var out [64]byte
	kdf.HKDF(out[:], nil, c.next[:], string(append(info, labelNext...)))
	c.next = [32]byte(out[:32])
	return [32]byte(out[32:])
}
