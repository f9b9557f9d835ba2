package sframe_test

import (
	"fmt"
	"log"

	"github.com/linnetmesh/linnet/crypto/sframe"
)

// One voice, from the one who speaks to one who listens.
func Example() {
	sender, err := sframe.NewSender(sframe.AES128GCM, 0)
	if err != nil {
		log.Fatal(err)
	}
	secret := sender.Key().AppendTo(nil) // travels to each listener in a session of its own

	key, err := sframe.ParseKey(secret)
	if err != nil {
		log.Fatal(err)
	}
	var receiver sframe.Receiver
	if err := receiver.Add(key); err != nil {
		log.Fatal(err)
	}

	sealed, err := sender.Seal(nil, []byte("twenty milliseconds"), nil)
	if err != nil {
		log.Fatal(err)
	}
	frame, header, err := receiver.Open(nil, sealed, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("frame %d: %s, %d bytes more when sealed\n", header.CTR, frame, len(sealed)-len(frame))

	_, _, err = receiver.Open(nil, sealed, nil)
	fmt.Println(err)
	// Output:
	// frame 0: twenty milliseconds, 17 bytes more when sealed
	// sframe: replayed
}
