package mailbox

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// maxLevels is how long the Merkle path of a receipt may be: a signature covers at most 1024 posts.
const maxLevels = 10

// MaxReceipt is the size of the largest receipt in bytes.
const MaxReceipt = receiptFixed + maxLevels*sha256.Size

const receiptFixed = 3*32 + 4 + 8 + 2 + 2 + identity.SignatureSize

// Receipt is a relay's signed word that it keeps a post, and until when. The Client returns only those that it has
// verified; ParseReceipt verifies, too. It may be compared with ==.
type Receipt struct {
	Relay identity.TransportKey
	Box   BoxID
	Name  Name
	Size  uint32    // bytes of the post
	Until time.Time // by the relay's clock, whole seconds: RelayTime says how that differs
	proof string    // what stands for it, as it travels
}

// IsZero tells whether r is none.
func (r Receipt) IsZero() bool { return r == Receipt{} }

// AppendTo appends the receipt, at most MaxReceipt bytes:
//
//	relay (32) ‖ box (32) ‖ post name (32) ‖ size (4) ‖ until (8) ‖ index (2) ‖ count (2) ‖ path (32 each) ‖ signature (64)
//
// Path and signature are those of a Merkle tree over the posts that were made durable together, as in RFC 6962, section
// 2.1: index is the post's place among count leaves.
//
//	leaf      = SHA-256(0x00 ‖ label ‖ 0x00 ‖ box ‖ post name ‖ size ‖ until)
//	node      = SHA-256(0x01 ‖ left ‖ right)
//	signature = Ed25519 by the relay over label ‖ 0x00 ‖ count (2) ‖ root
func (r Receipt) AppendTo(b []byte) []byte {
	b = append(append(append(b, r.Relay[:]...), r.Box[:]...), r.Name[:]...)
	b = binary.BigEndian.AppendUint32(b, r.Size)
	b = binary.BigEndian.AppendUint64(b, unix(r.Until))
	return append(b, r.proof...)
}

// ParseReceipt reads a receipt and verifies it. The error is ErrMalformed, and ErrLie for one that the relay did not
// sign.
func ParseReceipt(b []byte) (r Receipt, err error) {
	const at = 3*32 + 4 + 8
	if len(b) < at {
		return r, ErrMalformed
	}
	copy(r.Relay[:], b)
	copy(r.Box[:], b[32:])
	copy(r.Name[:], b[64:])
	r.Size = binary.BigEndian.Uint32(b[96:])
	until := binary.BigEndian.Uint64(b[100:])
	if r.Until = fromUnix(until); unix(r.Until) != until {
		return Receipt{}, ErrMalformed
	}
	if r.proof, err = string(b[at:]), r.verify(b[at:]); err != nil {
		return Receipt{}, err
	}
	return r, nil
}

// signedRoot is the root of a tree, and what should be its signature.
type signedRoot struct {
	relay     identity.TransportKey
	count     uint16
	root      [sha256.Size]byte
	signature [identity.SignatureSize]byte
}

// verify tells whether a proof stands for the receipt's fields.
func (r *Receipt) verify(proof []byte) error {
	root, err := r.rootOf(proof)
	if err != nil {
		return err
	}
	return root.verify()
}

// rootOf returns to what root a proof leads. The error is ErrMalformed.
func (r *Receipt) rootOf(proof []byte) (s signedRoot, err error) {
	const fixed = 2 + 2 + identity.SignatureSize
	if len(proof) < fixed || len(proof) > fixed+maxLevels*sha256.Size || (len(proof)-fixed)%sha256.Size != 0 {
		return s, ErrMalformed
	}
	index, count := binary.BigEndian.Uint16(proof), binary.BigEndian.Uint16(proof[2:])
	path := proof[4 : len(proof)-identity.SignatureSize]
	root, ok := climb(leafOf(r.Box, r.Name, r.Size, unix(r.Until)), int(index), int(count), path)
	if !ok {
		return s, ErrMalformed
	}
	return signedRoot{r.Relay, count, root, [identity.SignatureSize]byte(proof[len(proof)-identity.SignatureSize:])}, nil
}

func (s *signedRoot) verify() error {
	if s.relay.Verify(identity.LabelCustodyCommit, s.signature[:], rootParts(s.count, s.root)...) != nil {
		return ErrLie
	}
	return nil
}

func rootParts(count uint16, root [sha256.Size]byte) [][]byte {
	return [][]byte{{byte(count >> 8), byte(count)}, root[:]}
}

// leafOf returns the leaf of one post.
func leafOf(box BoxID, name Name, size uint32, until uint64) [sha256.Size]byte {
	var tail [12]byte
	binary.BigEndian.PutUint32(tail[:], size)
	binary.BigEndian.PutUint64(tail[4:], until)
	var space [128]byte // begins with the 0 of a leaf
	return sha256.Sum256(identity.LabelCustody.AppendInput(space[:1], box[:], name[:], tail[:]))
}

func nodeOf(left, right []byte) [sha256.Size]byte {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left)
	copy(b[1+sha256.Size:], right)
	return sha256.Sum256(b[:])
}

// climb returns the root to which a path leads from a leaf (RFC 9162, section 2.1.3.2, which is RFC 6962's tree).
func climb(leaf [sha256.Size]byte, index, count int, path []byte) (root [sha256.Size]byte, ok bool) {
	if index >= count || count > 1<<maxLevels {
		return root, false
	}
	root = leaf
	last := count - 1
	for ; len(path) >= sha256.Size; path = path[sha256.Size:] {
		if last == 0 {
			return root, false
		}
		if index&1 == 1 || index == last {
			root = nodeOf(path[:sha256.Size], root[:])
			for index&1 == 0 && index != 0 {
				index, last = index>>1, last>>1
			}
		} else {
			root = nodeOf(root[:], path[:sha256.Size])
		}
		index, last = index>>1, last>>1
	}
	return root, last == 0
}

// custody is a post for which a relay stands in.
type custody struct {
	box   BoxID
	name  Name
	size  uint32
	until uint64
}

// certify signs for posts that were made durable together, at most 1024, with one signature, and returns the proof of
// each. The error is that of a key that was never set.
func certify(key identity.TransportPrivateKey, posts []custody) ([][]byte, error) {
	// level[0] are the leaves; a node without a partner rises as it is, as in RFC 6962.
	level := make([][sha256.Size]byte, len(posts))
	for i, p := range posts {
		level[i] = leafOf(p.box, p.name, p.size, p.until)
	}
	levels := [][][sha256.Size]byte{level}
	for len(level) > 1 {
		next := make([][sha256.Size]byte, 0, (len(level)+1)/2)
		for i := 0; i+1 < len(level); i += 2 {
			next = append(next, nodeOf(level[i][:], level[i+1][:]))
		}
		if len(level)%2 == 1 {
			next = append(next, level[len(level)-1])
		}
		level = next
		levels = append(levels, level)
	}
	count := uint16(len(posts))
	signature, err := key.Sign(identity.LabelCustodyCommit, rootParts(count, level[0])...)
	if err != nil {
		return nil, err
	}
	proofs, most := make([][]byte, len(posts)), 4+(len(levels)-1)*sha256.Size+identity.SignatureSize
	space := make([]byte, len(posts)*most)
	for i := range posts {
		b := space[i*most : i*most : (i+1)*most]
		b = binary.BigEndian.AppendUint16(b, uint16(i))
		b = binary.BigEndian.AppendUint16(b, count)
		for at, l := i, 0; l < len(levels)-1; at, l = at>>1, l+1 {
			if other := at ^ 1; other < len(levels[l]) {
				b = append(b, levels[l][other][:]...)
			}
		}
		proofs[i] = append(b, signature[:]...)
	}
	return proofs, nil
}
