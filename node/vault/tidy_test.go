package vault

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
)

// TestChurn replaces sessions and deletes envelopes until Badger has written many times what is kept, with readers beside,
// and looks that the folder does not grow with it.
func TestChurn(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 60 MiB")
	}
	v := open(t, Config{Folder: t.TempDir(), Mobile: true})
	small, large := bytes.Repeat([]byte("s"), 700), bytes.Repeat([]byte("l"), 8<<10)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			err := v.Each(Session, nil, func(key, value []byte) error {
				if !bytes.Equal(value, small) {
					return fmt.Errorf("%s is wrong", key)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	most := uint64(0)
	for round := range 120 {
		b := v.NewBatch()
		for n := range 300 {
			if err := b.Put(Session, fmt.Append(nil, n), small); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 30 {
			if err := errors.Join(
				b.Put(Outbox, fmt.Append(nil, round, n), large),
				b.Delete(Outbox, fmt.Append(nil, round-1, n)),
			); err != nil {
				t.Fatal(err)
			}
		}
		if err := v.Commit(b); err != nil {
			t.Fatal(err)
		}
		if round%40 == 39 {
			if err := v.Tidy(t.Context()); err != nil {
				t.Error(err)
			}
		}
		most = max(most, v.Stats().Bytes)
	}
	close(stop)
	readers.Wait()
	if err := v.Tidy(t.Context()); err != nil {
		t.Error(err)
	}
	s := v.Stats()
	if s.Bytes > 40<<20 || s.Damaged+s.Lost > 0 {
		t.Errorf("%+v", s)
	}
	t.Logf("%d MiB at most, %d MiB in the end", most>>20, s.Bytes>>20)
	if n := len(each(t, v, Outbox, "")); n != 30 {
		t.Errorf("%d envelopes are left", n)
	}
	if err := v.Scrub(t.Context()); err != nil {
		t.Error(err)
	}
}
