package session_test

import (
	"fmt"
	"log"
	"time"

	"github.com/linnetmesh/linnet/crypto/kyber"
	"github.com/linnetmesh/linnet/crypto/pqxdh"
	"github.com/linnetmesh/linnet/crypto/session"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// Ada writes to Ben, who is asleep; when he wakes up he answers, and from then on both ratchets turn.
func Example() {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

	// Before he fell asleep, Ben published a bundle. Its private halves stay with him.
	ben, benSigned, benKEM := xeddsa.GenerateKey(), xeddsa.GenerateKey(), kyber.GenerateKey()
	bundle := &pqxdh.Bundle{
		RegistrationID: 1, Device: 1, Identity: ben.Public(),
		SignedPreKeyID: 1, SignedPreKey: benSigned.Public(),
		SignedPreKeySignature: must(ben.Sign(benSigned.Public().Bytes())),
		KEMPreKeyID:           1, KEMPreKey: benKEM.Public(),
		KEMPreKeySignature: must(ben.Sign(benKEM.Public().Bytes())),
	}

	// Ada opens a session with it and writes. A call returns the next record, to be stored before anything leaves.
	ada := xeddsa.GenerateKey()
	adasName, bensName := session.NewAddress([16]byte{0xad}, 1), session.NewAddress([16]byte{0xbe}, 1)
	atAda := must(session.New(session.Party{Identity: ada.Public(), Address: adasName}, session.Party{Identity: ben.Public(), Address: bensName}))
	atAda = must(atAda.Initiate(ada, 1, bundle, now))
	atAda, kind, first, err := atAda.Encrypt([]byte("hello, Ben"), now)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Ada → Ben  %v, %d bytes\n", kind, len(first))

	// Ben wakes up. The message says which of his keys it needs, and whose it is.
	var replays session.Replays
	m := must(session.ParsePreKeyMessage(first))
	atBen := must(session.New(session.Party{Identity: ben.Public(), Address: bensName}, session.Party{Identity: m.Identity, Address: adasName}))
	atBen, got, err := atBen.Accept(m, &session.Keys{
		Identity:       ben,
		SignedPreKeyID: 1, SignedPreKey: benSigned,
		KEMPreKeyID: 1, KEMPreKey: benKEM, LastResort: &replays,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := replays.Add(got.Replay); err != nil { // it was the last-resort key, which is never deleted after use
		log.Fatal(err)
	}
	fmt.Printf("Ben reads  %q\n", got.Plaintext)

	atBen, kind, answer, err := atBen.Encrypt([]byte("hello, Ada"), now)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Ben → Ada  %v, %d bytes\n", kind, len(answer))
	atAda, plaintext, err := atAda.Decrypt(answer)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Ada reads  %q\n", plaintext)

	// What came once does not come twice.
	_, _, err = atAda.Decrypt(answer)
	fmt.Println("again:    ", err)
	fmt.Println("stored:   ", len(atAda.AppendTo(nil)) < 4096, len(atBen.AppendTo(nil)) < 4096)

	// Output:
	// Ada → Ben  PreKeySignalMessage, 1795 bytes
	// Ben reads  "hello, Ben"
	// Ben → Ada  SignalMessage, 72 bytes
	// Ada reads  "hello, Ada"
	// again:     ratchet: key is gone
	// stored:    true true
}
