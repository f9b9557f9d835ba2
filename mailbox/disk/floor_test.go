package disk

import (
	"bytes"
	"encoding/binary"
	"testing"

	db "github.com/dgraph-io/badger/v4"

	"github.com/linnetmesh/linnet/mailbox"
)

// fetched returns what a reader of box 0 gets from its start.
func fetched(t *testing.T, s *Store) []mailbox.Post {
	t.Helper()
	all, err := s.Fetch(t.Context(), boxID(0), 0, 1<<20, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestFloor holds that a box which was emptied has its readers begin behind what was in it, and that what comes to light
// again there, since a deletion was lost, is given all the same once it was found.
func TestFloor(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	floor := func(want uint64) {
		t.Helper()
		err := s.view(t.Context(), boxID(0), func(_ *db.Txn, _ place, st *state) error {
			if st.Floor != want {
				t.Errorf("floor %d, want %d", st.Floor, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	makeBox(t, s, 0)
	put(t, s, 0, 0, 3)
	all := fetched(t, s)
	records := make(map[string][]byte)
	err := s.view(t.Context(), boxID(0), func(t *db.Txn, p place, _ *state) error {
		for _, key := range [][]byte{postKey(p, all[1].Seq, all[1].Until), nameKey(p, all[1].Name)} {
			if _, err := get(t, key, func(b []byte) error { records[string(key)] = bytes.Clone(b); return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(records) != 2 {
		t.Fatal(len(records), err)
	}
	for i, want := range []uint64{0, 0, 3} {
		if _, err := s.Ack(t.Context(), boxID(0), []mailbox.Name{all[i].Name}); err != nil {
			t.Fatal(err)
		}
		floor(want)
	}
	put(t, s, 0, 3, 5)
	floor(3)
	if all := fetched(t, s); len(all) != 2 || all[0].Seq != 4 {
		t.Errorf("%+v", all)
	}
	if err := s.badger.commit(records); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Scrub(t.Context(), 1<<30); err != nil {
		t.Fatal(err)
	}
	floor(0)
	if all := fetched(t, s); len(all) != 3 || all[0].Seq != 2 {
		t.Errorf("%+v", all)
	}
}

// TestFloorWrongCount has a box count less than lies in it: then it has no floor when its count comes to nothing.
func TestFloorWrongCount(t *testing.T) {
	t.Parallel()
	var s state
	for n := range uint64(2) {
		s.Seq++
		s.add(&mailbox.Item{Seq: s.Seq, Name: mailbox.Name{byte(n)}})
	}
	s.Posts--
	s.drop(&mailbox.Item{Seq: 2, Name: mailbox.Name{1}})
	if s.Posts != 0 || s.Floor != 0 {
		t.Errorf("%+v", s)
	}
}

// TestStateBeforeFloors opens the store's part of a box as it was written before boxes had floors.
func TestStateBeforeFloors(t *testing.T) {
	t.Parallel()
	k := newKeys([32]byte{1})
	p := k.place(boxID(0))
	old := bytes.Repeat([]byte{7}, 6*8+2*8+2+32)
	s, err := k.openState(p, k.guarded(at(states, p[:]), old))
	if err != nil {
		t.Fatal(err)
	}
	if seven := binary.BigEndian.Uint64(old); s.Seq != seven || s.Marks[1] != seven || s.Parts != 7<<8|7 || s.Chain[31] != 7 || s.Floor != 0 {
		t.Errorf("%+v", s)
	}
	s.Floor = 5
	if now, err := k.openState(p, k.sealState(p, &s)); err != nil || now != s {
		t.Errorf("%+v, %v", now, err)
	}
}
