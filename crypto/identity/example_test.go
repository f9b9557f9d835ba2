package identity_test

import (
	"fmt"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/crypto/xeddsa"
)

// Ada makes an account on her phone, links a laptop, and loses the laptop. Ben follows it all.
func Example() {
	now := time.Date(2027, 1, 15, 8, 0, 0, 0, time.UTC)

	// On the phone: a seed, whose words Ada writes down, and a device that may link others.
	seed := identity.NewSeed()
	account := seed.Account()
	ada := account.Public()
	phone := xeddsa.GenerateKey()

	device, err := identity.NewDevice(ada, 1, phone, now)
	check(err)
	stewards, err := account.NewEpoch(0, now, device)
	check(err)
	first, err := stewards.Begin(phone, now, device)
	check(err)
	view, err := identity.NewView(ada).Apply(first)
	check(err)
	seed.Erase() // the words are confirmed

	// The laptop gets a number from the phone, and proves its key under it.
	laptop := xeddsa.GenerateKey()
	number, err := view.FreeNumber()
	check(err)
	entry, err := identity.NewDevice(ada, number, laptop, now)
	check(err)

	// The phone lists it, and later revokes it.
	added, err := view.Add(phone, entry, now)
	check(err)
	view, err = view.Apply(added)
	check(err)
	revoked, err := view.Revoke(phone, now, number)
	check(err)

	// Ben gets the manifests in the wrong order.
	ben := identity.NewView(ada)
	for _, m := range []*identity.Manifest{first, revoked, added} {
		var err error
		ben, _, err = ben.Read(m.AppendTo(nil))
		fmt.Println(len(ben.Devices()), "device,", err)
	}
	fmt.Println(ben.Check(number, laptop.Public()))
	// Output:
	// 1 device, <nil>
	// 1 device, <nil>
	// 1 device, identity: older than what is known
	// identity: device is revoked
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
