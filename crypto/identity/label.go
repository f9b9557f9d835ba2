package identity

import (
	"crypto/sha256"
	"strings"

	"github.com/linnetmesh/linnet/crypto/internal/kdf"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Label says what a signature, MAC, hash or derived key is for. Every use of one in Linnet has its own, and all of them
// stand in this file. A label is followed by a zero byte, which no label holds, so what is made for one use never
// passes for another:
//
//	input = label ‖ 0x00 ‖ parts
//
// It begins with a letter. So a labelled input is never a bare serialized key of the Signal Protocol, which begins with
// 0x05 (33 bytes) or 0x08 (1569 bytes) and which the same identity keys sign without a label.
//
// The parts are joined without lengths: all but the last must be of a fixed size.
type Label string

// Labels of this package.
const (
	LabelAccount       Label = "linnet account v1"        // KDF: seed → account key
	LabelArchiveBox    Label = "linnet archive box v1"    // KDF: seed → archive-box key
	LabelDiscoveryRoot Label = "linnet discovery root v1" // KDF: seed, number (4) → discovery root
	LabelDiscoveryKey  Label = "linnet discovery key v1"  // KDF: root, number (4) → discovery key
	LabelName          Label = "linnet protocol name v1"  // hash: account (32) → name
	LabelStewards      Label = "linnet stewards v1"       // Ed25519 by the account: account (32) ‖ statement
	LabelStewardsHash  Label = "linnet stewards hash v1"  // hash: account (32) ‖ statement
	LabelDevice        Label = "linnet device v1"         // XEdDSA by the device: account (32) ‖ its entry (see PROTOCOL.md)
	LabelDeviceHash    Label = "linnet device hash v1"    // hash: device entry
	LabelManifest      Label = "linnet manifest v1"       // XEdDSA by a steward: algorithm (1) ‖ stewards hash (32) ‖ signer (1) ‖ body
	LabelManifestHash  Label = "linnet manifest hash v1"  // hash: of the same
)

// Labels of crypto/descriptor.
const (
	LabelBlind           Label = "linnet descriptor blinding v1"        // SHA-512: discovery key (32) ‖ period (8) ‖ replica (1)
	LabelBlindPrefix     Label = "linnet descriptor blinding prefix v1" // SHA-512: right half of the expanded discovery key (32) …
	LabelDescriptorNonce Label = "linnet descriptor nonce v1"           // SHA-512: blinding prefix, randomness, what is signed
	LabelDescriptor      Label = "linnet descriptor v1"                 // Ed25519 by the blinded key
	LabelDescriptorWork  Label = "linnet descriptor work v1"            // SHA-256: blinded key ‖ hash of the rest ‖ nonce
	LabelDescriptorRest  Label = "linnet descriptor rest v1"            // SHA-256: the rest, for the work
	LabelDescriptorSeal  Label = "linnet descriptor seal v1"            // KDF: discovery key, blinded key, period
	LabelDeviceRecord    Label = "linnet device record v1"              // XEdDSA by the device
	LabelNodeRecord      Label = "linnet node record v1"                // Ed25519 by a transport key: what relays and mixers publish
	LabelNodePlace       Label = "linnet node place v1"                 // hash: where they publish it
	LabelInvite          Label = "linnet invite v1"                     // KDF: secret of an invite
)

// Labels of crypto/bundle.
const (
	LabelBundle         Label = "linnet bundle v1"           // XEdDSA by the device: the whole bundle
	LabelBundleSeal     Label = "linnet bundle seal v1"      // KDF: bundle key → seal of the base
	LabelBundlePart     Label = "linnet bundle part v1"      // XEdDSA by the device: a one-time part
	LabelBundlePartSeal Label = "linnet bundle part seal v1" // KDF: bundle key → seal of one-time parts
	LabelBundleWork     Label = "linnet bundle work v1"      // SHA-256: work for a one-time part
)

// Labels of crypto/envelope.
const (
	LabelEnvelope      Label = "linnet envelope v1"           // HPKE info of form 1: account (32) ‖ device (1)
	LabelEnvelopeRoot  Label = "linnet envelope root v1"      // KDF: the session's 32 bytes → first epoch of one direction
	LabelEnvelopeEpoch Label = "linnet envelope epoch v1"     // KDF: epoch → next epoch
	LabelEnvelopeTag   Label = "linnet envelope tag v1"       // KDF: epoch → tag of form 2
	LabelEnvelopeKey   Label = "linnet envelope key v1"       // KDF: epoch → key of form 2
	LabelWeakTag       Label = "linnet weak update tag v1"    // KDF: epoch → tag of form 3
	LabelWeakKey       Label = "linnet weak update key v1"    // KDF: epoch → key of form 3
	LabelAckKey        Label = "linnet acknowledgment key v1" // KDF: envelope's secret → acknowledgement key
	LabelAck           Label = "linnet acknowledgment v1"     // MAC: post name (32)
)

// Labels of mailbox.
const (
	LabelBox           Label = "linnet box v1"            // Ed25519 by the box key: relay key (32) ‖ nonce (32) ‖ box (32)
	LabelTokenKey      Label = "linnet token key v1"      //nolint:gosec // KDF: what owner and relay share → MAC key of tokens; a label, no credential
	LabelToken         Label = "linnet token v1"          //nolint:gosec // MAC: a token; a label, no credential
	LabelStrangerWork  Label = "linnet stranger work v1"  // SHA-256: challenge ‖ box (32) ‖ post name (32) ‖ nonce
	LabelChallenge     Label = "linnet challenge v1"      // MAC by the relay, for itself: box ‖ time (8) ‖ bits (1)
	LabelRelayAddress  Label = "linnet relay address v1"  // hash: checksum of a relay's address
	LabelOrigin        Label = "linnet origin v1"         // MAC by the relay, for itself: a range of addresses
	LabelCustody       Label = "linnet custody v1"        // hash, leaf of a Merkle tree: box ‖ post name ‖ size (4) ‖ until (8)
	LabelCustodyCommit Label = "linnet custody commit v1" // Ed25519 by the relay: count (2) ‖ root of a commit group's Merkle tree
	LabelRelayTime     Label = "linnet relay time v1"     // Ed25519 by the relay: nonce ‖ time
	LabelShelf         Label = "linnet shelf chain v1"    // hash: chain of a box's posts
	LabelShelfReader   Label = "linnet shelf reader v1"   // MAC: capability of a reader
)

// Labels of node and conference.
const (
	LabelRoster     Label = "linnet roster v1"       // signature by a group key: entry of a roster
	LabelRosterHash Label = "linnet roster hash v1"  // hash: entry of a roster
	LabelMember     Label = "linnet group member v1" // MAC inside a session: proof of a group key
	LabelJoin       Label = "linnet call join v1"    // MAC under the join key: both DTLS fingerprints
	LabelJoinHash   Label = "linnet call key v1"     // hash: join key, as the room knows it
	LabelLink       Label = "linnet link device v1"  // KDF: what two devices share while one is linked
	LabelArchive    Label = "linnet archive v1"      // KDF: key of the archive box → seal of what lies in it
	LabelVault      Label = "linnet vault v1"        // KDF: seal of the vault's records
	LabelErase      Label = "linnet erase v1"        // KDF: seal of session state under the erase key
	LabelBackup     Label = "linnet backup v1"       // KDF: seal of a backup
	LabelTokenName  Label = "linnet token name v1"   //nolint:gosec // MAC under what owner and relay share: account (32) ‖ device (1)?, or an invite's token → class and ID; a label, no credential
	LabelOnce       Label = "linnet send once v1"    // MAC under a device's identity key: recipient (32) ‖ key → message ID
)

// Labels of crypto itself, the front door.
const (
	LabelDoorSigning Label = "linnet front door signing key v1" // KDF: secret → Ed25519 seed
	LabelDoorSealing Label = "linnet front door sealing key v1" // KDF: secret → HPKE seed
	LabelDoorSealed  Label = "linnet front door sealed v1"      // HPKE info
	LabelDoorSigned  Label = "linnet front door signed v1"      // Ed25519
)

// labelPrefix is how every label begins.
const labelPrefix = "linnet "

// Input returns label ‖ 0x00 ‖ parts: what is signed, hashed or MAC'ed. It panics for a Label that is none, which is a
// mistake in the program.
func (l Label) Input(parts ...[]byte) []byte {
	n := len(l) + 1
	for _, p := range parts {
		n += len(p)
	}
	return l.AppendInput(make([]byte, 0, n), parts...)
}

// AppendInput appends the same as Input, for who has the memory already.
func (l Label) AppendInput(b []byte, parts ...[]byte) []byte {
	if len(l) <= len(labelPrefix) || l[:len(labelPrefix)] != labelPrefix || strings.Contains(string(l), "\x00") {
		panic("identity: not a label")
	}
	b = append(append(b, l...), 0)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// Info returns the same as Input, as HKDF and HPKE take it.
func (l Label) Info(parts ...[]byte) string { return string(l.Input(parts...)) }

// Hash returns SHA-256 of the Input.
func (l Label) Hash(parts ...[]byte) [sha256.Size]byte {
	var space [shortInput]byte
	return sha256.Sum256(l.AppendInput(space[:0], parts...))
}

// shortInput is up to which size in bytes an Input needs no memory of its own.
const shortInput = 256

// MAC returns HMAC-SHA-256 of the Input under the key (RFC 2104).
func (l Label) MAC(key []byte, parts ...[]byte) [sha256.Size]byte {
	var space [shortInput]byte
	return kdf.HMAC(key, l.AppendInput(space[:0], parts...))
}

// Derive fills out, at most 8160 bytes, with HKDF-SHA-256 of the secret, without salt, the Input being the info
// (RFC 5869).
func (l Label) Derive(out, secret []byte, parts ...[]byte) {
	kdf.HKDF(out, nil, secret, l.Info(parts...))
}

// Sign returns the XEdDSA signature of the Input by an identity key, which is hedged with fresh randomness. The error
// is ErrKey if the key was never set.
func (l Label) Sign(k xeddsa.PrivateKey, parts ...[]byte) ([SignatureSize]byte, error) {
	sig, err := k.Sign(l.Input(parts...))
	if err != nil {
		return sig, ErrKey
	}
	return sig, nil
}

// Verify returns nil if sig is the XEdDSA signature of the Input by the owner of the identity key, and otherwise
// ErrSignature. Signatures are malleable: never use one as an identifier.
func (l Label) Verify(p xeddsa.PublicKey, sig []byte, parts ...[]byte) error {
	if p.Verify(l.Input(parts...), sig) != nil {
		return ErrSignature
	}
	return nil
}
