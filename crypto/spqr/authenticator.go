package spqr

import (
	"crypto/hmac"
	"encoding/binary"

	"github.com/linnetmesh/linnet/crypto/internal/kdf"
)

// macSize is the size of the MACs over header and ciphertext.
const macSize = 32

// protocol begins the labels of the exchange.
const protocol = "Signal_PQCKA_V1_MLKEM768"

// authenticator proves that header and ciphertext of an exchange come from the one who shares all secrets so far.
type authenticator struct{ root, mac [32]byte }

// with returns the authenticator after the secret of an epoch.
func (a authenticator) with(epoch uint64, secret *[32]byte) authenticator {
	var out [64]byte
	kdf.HKDF(out[:], nil, append(a.root[:], secret[:]...), withEpoch(protocol+":Authenticator Update", epoch))
	return authenticator{[32]byte(out[:32]), [32]byte(out[32:])}
}

// appendHeader appends header ‖ MAC. The MAC is of the authenticator before the epoch's own secret.
func (a *authenticator) appendHeader(b []byte, epoch uint64, header *[headerSize]byte) []byte {
	mac := kdf.HMAC(a.mac[:], []byte(withEpoch(protocol+":ekheader", epoch)), header[:])
	return append(append(b, header[:]...), mac[:]...)
}

// openHeader returns the header of header ‖ MAC, and whether the MAC is right.
func (a *authenticator) openHeader(epoch uint64, message []byte) (header [headerSize]byte, ok bool) {
	copy(header[:], message)
	return header, hmac.Equal(a.appendHeader(nil, epoch, &header), message)
}

// appendCiphertext appends ct2 ‖ MAC. The MAC is of the authenticator after the epoch's own secret.
func (a *authenticator) appendCiphertext(b []byte, epoch uint64, ct1, ct2 []byte) []byte {
	mac := kdf.HMAC(a.mac[:], []byte(withEpoch(protocol+":ciphertext", epoch)), ct1, ct2)
	return append(append(b, ct2...), mac[:]...)
}

// epochSecret makes the secret of an epoch out of that of its key encapsulation.
func epochSecret(epoch uint64, shared []byte) (secret [32]byte) {
	kdf.HKDF(secret[:], nil, shared, withEpoch(protocol+":SCKA Key", epoch))
	return secret
}

func withEpoch(label string, epoch uint64) string {
	return string(binary.BigEndian.AppendUint64([]byte(label), epoch))
}
