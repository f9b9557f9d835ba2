package descriptor

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// workSize is the size of a work nonce in bytes.
const workSize = 8

// Work is SHA-256(label ‖ key (32) ‖ hash of the rest (32) ‖ nonce (8)), which begins with WorkBits zero bits. It makes
// each value cost some milliseconds, and who checks it one hash more than the rest takes. What it is worth depends on
// the key, so nobody works once for many records.

// findWork returns the first nonce that will do, counted from start. It takes about 65,536 hashes, and always ends.
func findWork(key [KeySize]byte, rest [sha256.Size]byte, start uint64) (nonce [workSize]byte) {
	input := workInput(key, rest, nonce[:])
	counter := input[len(input)-workSize:]
	for {
		binary.BigEndian.PutUint64(counter, start)
		if worked(input) {
			return [workSize]byte(counter)
		}
		start++
	}
}

func checkWork(key [KeySize]byte, rest [sha256.Size]byte, nonce []byte) bool {
	return worked(workInput(key, rest, nonce))
}

func workInput(key [KeySize]byte, rest [sha256.Size]byte, nonce []byte) []byte {
	return identity.LabelDescriptorWork.Input(key[:], rest[:], nonce)
}

func worked(input []byte) bool {
	sum := sha256.Sum256(input)
	return binary.BigEndian.Uint64(sum[:8])>>(64-WorkBits) == 0
}
