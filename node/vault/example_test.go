package vault_test

import (
	"fmt"
	"log"

	"github.com/linnetmesh/linnet/node/vault"
)

// What belongs together goes into one batch: a session that advanced, and the envelope that it made.
func Example() {
	v, err := vault.Open(vault.Config{}) // in memory; Folder is a place that stays
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()

	b := v.NewBatch()
	if err := b.Put(vault.Session, []byte("ben/1"), []byte("state 1")); err != nil {
		log.Fatal(err)
	}
	if err := b.Put(vault.Session, []byte("ben/1"), []byte("state 2")); err != nil { // takes the place of state 1
		log.Fatal(err)
	}
	if err := b.Put(vault.Outbox, []byte("post"), []byte("envelope")); err != nil {
		log.Fatal(err)
	}
	if err := v.Commit(b); err != nil {
		log.Fatal(err)
	}

	state, err := v.Get(vault.Session, []byte("ben/1"))
	fmt.Println(string(state), err, v.Stats().Commits)
	// Output: state 2 <nil> 1
}
