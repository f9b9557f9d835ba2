// Package crypto is the front door of the pure rooms: everything in Linnet that encrypts, signs or names somebody.
//
// The rooms below it do no I/O, read no clock, log nothing and start no goroutine (pure_test.go holds them to it).
// What needs the time is given it. What draws secrets takes them from crypto/rand. Calls work on values: they return
// the next state and leave the old one untouched, so that a failure changes nothing, and the owner can store the next
// state before anything leaves.
//
// # The five calls
//
// Generate, Seal, Open, Sign and Verify are for everything that is not a conversation: a file to be put away, a note that
// must be known to come from somebody. They ask for a purpose, so that what was made for one cannot serve another. Seal is
// hybrid, classical and post-quantum; Sign is classical, and it is not deniable.
//
// # The rooms
//
// The Signal Protocol, byte for byte as the official library 0.103 speaks it, and written from the specifications:
//
//	xeddsa       X25519 keys; signatures with them (XEdDSA)
//	kyber        Kyber-1024, round 3: the key encapsulation of the handshake
//	pqxdh        the handshake with somebody who is asleep
//	spqr         the sparse post-quantum ratchet: ML-KEM-768 in chunks, under the conversation
//	ratchet      the Double Ratchet, with a key of spqr in every message key
//	session      one device's conversation with one other device, and its stored form
//	senderkey    a group's messages, encrypted once for all members
//	fingerprint  safety numbers
//
// Linnet's own, of which each has its bytes in a PROTOCOL.md:
//
//	identity     accounts, their devices, and what they sign; addresses; the table of all labels
//	bundle       what lets a session start with a sleeper
//	envelope     hides who wrote a session's message, and how long it is
//	descriptor   what an account publishes, blinded and encrypted
//	sframe       media frames (RFC 9605)
//
// # Against whom
//
// The network is the attacker's: it reads, drops, delays, repeats, reorders, changes and invents what it likes, at
// every relay and router. It records everything, and may have a quantum computer one day. At some time it may steal the
// whole state of a device. It sees the sources. It is not on the device while that is in use, and cannot guess 32
// random bytes.
//
//	                          holds against           what of it is post-quantum
//	what a message says       everybody but the two   yes: Kyber-1024 in the handshake, ML-KEM-768 in the ratchet; either
//	                          devices                 X25519 or the KEM may fall, not both
//	what was said before a    who steals the state    yes: used keys are gone, and chains only go forward. Keys of up to
//	theft (forward secrecy)                           2,000 messages that did not come yet are kept per chain
//	what is said after a      who stole the state     classically with the next answer (one turn of the Double Ratchet);
//	theft (healing)           and then only listens   against a quantum computer with the next SPQR epoch: some 40 to 80
//	                                                  messages each way. A group's sender keys heal only when renewed
//	who said it               everybody who did not   no: identity keys and signatures are X25519 and XEdDSA. Who can
//	(authentication)          steal a key before      compute discrete logarithms before a session is opened can open it
//	                                                  in another's name. In an open session the MAC key comes from both
//	                                                  ratchets, and holds
//	that it comes once        everybody               a message key is used once; the last-resort key remembers its uses
//	that the right person     whoever swaps keys at   compare safety numbers once: 60 digits over account keys, from
//	is meant                  first contact           5,200 hashes. New devices do not change them
//	which devices a person    everybody but who has   no: a manifest is signed by stewards (XEdDSA), and they by the account
//	has                       a steward or the seed   (Ed25519). A stolen steward is thrown out with the words
//	who is found where        who does not know the   no: blinded Ed25519 keys; what is published is encrypted under a key
//	                          address                 that comes from the address
//	who wrote to whom         relays and routers, by  yes in envelopes of open sessions, and in first ones (ML-KEM-768 with
//	                          content and length      X25519), as long as the recipient's envelope key is not stolen
//
// # What none of it does
//
// It does not hide that two devices talk, when, and how much. A session's messages alone would show their sizes to 16 bytes
// and the sender of a first one; crypto/envelope hides the sender, and the size but for eight classes. It does not protect an unlocked or infected device. It cannot
// erase for certain: Go's runtime may have copied a key that is no longer referred to, and the storage below may keep old
// states. Whoever puts an old state back (a backup, a snapshot of a machine) uses keys twice, which shows two plaintexts
// to whoever has both ciphertexts; so states must never be restored.
//
// # Deniability
//
// Messages of a session are authenticated by MACs under keys that both sides have: a transcript proves nothing, since
// either could have made it. The handshake signs nothing about the other side; prekeys are signed, which proves that
// somebody published them and no more. Messages of a group are signed, by a key that was made for the group and given
// to members through sessions: it ties them to each other, not to a person. Nothing that people say is ever signed
// with an identity key.
//
// # Side channels
//
// What depends on private keys runs in constant time: X25519 and AES of the standard library, Edwards arithmetic of
// filippo.io/edwards25519, and our own ML-KEM encapsulation, which has no secret index, branch or division. MACs,
// private keys and safety numbers are compared in constant time. Verification, the chunk code and parsing work on
// public bytes and do not.
//
// # Where it is stricter than the official library
//
// All of this refuses more. The first four are nothing that the official library writes; the others it would take or write,
// and they would let somebody make a device work or remember without bound:
//
//   - protobuf: known fields out of order or twice, varints that are longer than needed (unknown fields are skipped)
//   - a message's version byte is compared whole: 0x44, and 0x33 in groups
//   - SPQR: messages of another version, and index 0, either of which would do without a post-quantum key
//   - the repeated parts of first messages must be the same in all of a session
//   - a session with oneself has the same limits as any other; there, counters may jump without bound
//   - messages above 64 KiB
//   - a message that is of no known chain is tried on sessions only until 100,000 steps are spent, in all
//   - a last-resort key opens 65,536 sessions and no more
//   - an unanswered session that was opened more than a day in the future is as good as too old
//
// # References
//
// Each room names the sections it is written from.
//
//   - Signal: "The XEdDSA and VXEdDSA Signature Schemes", sections 2.3 to 2.5 and 3 (keys and signatures: xeddsa); "The PQXDH Key
//     Agreement Protocol", sections 2 to 4 (pqxdh; 4 on what it protects); "The Double Ratchet Algorithm", sections 2.2 to
//     2.6, 3.3 to 3.5, 5.2 and 6 (ratchet; numbers of revision 1), with "Sparse Post-Quantum Ratchet" and "Triple Ratchet" of
//     revision 4 and "The ML-KEM Braid Protocol" (spqr); "The Sesame Algorithm", section 3 (session)
//   - Bhargavan, Jacomme, Kiefer, Schmidt: "Formal verification of the PQXDH Post-Quantum key agreement protocol" (2024)
//   - Balbás, Collins, Gajland: "WhatsUpp with Sender Keys?" (ASIACRYPT 2023)
//   - RFC 7748 (X25519), RFC 8032 (Ed25519), RFC 5869 (HKDF), RFC 2104 (HMAC), RFC 9605 (SFrame), RFC 9180 (HPKE)
//   - FIPS 203 (ML-KEM); CRYSTALS-Kyber, version 3.02
package crypto
