package crypto_test

import (
	"fmt"
	"log"

	"github.com/linnetmesh/linnet/crypto"
)

// A purpose is a constant for each kind of message, with the project's name and a version.
const (
	forLetters  crypto.Purpose = "example.org letter v1"
	forReleases crypto.Purpose = "example.org release v1"
)

// Everybody who has Bob's public key can seal for him. He alone can open it.
func Example() {
	bob := crypto.Generate()

	sealed, err := crypto.Seal(bob.Public(), forLetters, []byte("meet me at noon"))
	if err != nil {
		log.Fatal(err)
	}

	letter, err := crypto.Open(bob, forLetters, sealed)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", letter)
	// Output: meet me at noon
}

// What is sealed travels as bytes, and so does the public key that it is sealed for.
func ExampleSeal() {
	bob := crypto.Generate()
	published := bob.Public().AppendTo(nil) // on Bob's web page, say

	// Alice.
	public, err := crypto.ParsePublic(published)
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := crypto.Seal(public, forLetters, []byte("meet me at noon"))
	if err != nil {
		log.Fatal(err)
	}
	sent := sealed.AppendTo(nil)

	// Bob.
	received, err := crypto.ParseSealed(sent)
	if err != nil {
		log.Fatal(err)
	}
	letter, err := crypto.Open(bob, forLetters, received)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, in %d bytes\n", letter, len(sent))
	// Output: meet me at noon, in 1152 bytes
}

// Whatever is wrong, Open says the same.
func ExampleOpen() {
	bob, mallory := crypto.Generate(), crypto.Generate()
	sealed, err := crypto.Seal(bob.Public(), forLetters, []byte("meet me at noon"))
	if err != nil {
		log.Fatal(err)
	}

	_, err = crypto.Open(mallory, forLetters, sealed)
	fmt.Println("other secret:", err)
	_, err = crypto.Open(bob, forReleases, sealed)
	fmt.Println("other purpose:", err)
	_, err = crypto.Open(bob, forLetters, crypto.Sealed{})
	fmt.Println("nothing:", err)
	// Output:
	// other secret: crypto: cannot be opened
	// other purpose: crypto: cannot be opened
	// nothing: crypto: cannot be opened
}

// The message of something signed comes out of Verify, or not at all.
func ExampleSign() {
	alice := crypto.Generate()
	signed, err := crypto.Sign(alice, forReleases, []byte("version 1.2.3 is good"))
	if err != nil {
		log.Fatal(err)
	}
	sent := signed.AppendTo(nil)

	// Somebody who knows that this public key is Alice's.
	received, err := crypto.ParseSigned(sent)
	if err != nil {
		log.Fatal(err)
	}
	note, err := crypto.Verify(alice.Public(), forReleases, received)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, in %d bytes\n", note, len(sent))
	// Output: version 1.2.3 is good, in 86 bytes
}

func ExampleVerify() {
	alice, mallory := crypto.Generate(), crypto.Generate()
	signed, err := crypto.Sign(mallory, forReleases, []byte("version 6.6.6 is good"))
	if err != nil {
		log.Fatal(err)
	}

	note, err := crypto.Verify(alice.Public(), forReleases, signed)
	fmt.Printf("%q, %v\n", note, err)
	// Output: "", crypto: not signed so
}

// To be sealed and signed, a message says for whom it is: else Bob could open it and seal it on to Carol, who would
// believe that Alice wrote to her.
func ExampleSign_sealed() {
	alice, bob := crypto.Generate(), crypto.Generate()

	public := bob.Public()
	letter := append(public.AppendTo(nil), "meet me at noon"...)
	signed, err := crypto.Sign(alice, forLetters, letter)
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := crypto.Seal(public, forLetters, signed.AppendTo(nil))
	if err != nil {
		log.Fatal(err)
	}

	// Bob.
	opened, err := crypto.Open(bob, forLetters, sealed)
	if err != nil {
		log.Fatal(err)
	}
	received, err := crypto.ParseSigned(opened)
	if err != nil {
		log.Fatal(err)
	}
	letter, err = crypto.Verify(alice.Public(), forLetters, received)
	if err != nil {
		log.Fatal(err)
	}
	to, err := crypto.ParsePublic(letter[:min(len(letter), crypto.PublicSize)])
	if err != nil || to != bob.Public() {
		log.Fatal("not for me")
	}
	fmt.Printf("%s\n", letter[crypto.PublicSize:])
	// Output: meet me at noon
}

// A secret is written where nobody else can read, and printed nowhere.
func ExampleParseSecret() {
	secret := crypto.Generate()
	fmt.Printf("%v %x\n", secret, secret)
	stored := secret.AppendTo(nil)

	again, err := crypto.ParseSecret(stored)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(again.Equal(secret), again.Public() == secret.Public(), len(stored))
	// Output:
	// crypto.Secret crypto.Secret
	// true true 33
}
