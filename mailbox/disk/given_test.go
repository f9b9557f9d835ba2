package disk

import (
	"slices"
	"testing"

	"github.com/linnetmesh/linnet/mailbox"
)

// TestGivenBounded holds that what was read a moment ago is known, and that no more is kept than the bound.
func TestGivenBounded(t *testing.T) {
	t.Parallel()
	var g given
	p := place{1}
	all := make([]mailbox.Post, 4*givenMost)
	for i := range all {
		all[i].Name, all[i].Seq, all[i].Until = mailbox.NameOf([]byte{byte(i), byte(i >> 8), byte(i >> 16)}), uint64(i), 7
	}
	for part := range slices.Chunk(all, 100) {
		g.note(p, part)
		for i := range part {
			if want := postKey(p, part[i].Seq, 7); !slices.Equal(g.key(p, part[i].Name), want) {
				t.Fatalf("post %d is not known", part[i].Seq)
			}
		}
	}
	if g.key(place{2}, all[len(all)-1].Name) != nil || g.key(p, all[0].Name) != nil {
		t.Error("it knows of what is in no box, or longer than it may")
	}
	if n := len(g.now) + len(g.before); n > 2*givenMost {
		t.Errorf("%d entries", n)
	}
}

// TestAckAfterOutdated acks in a box that was removed and made anew since it was read: its posts have other places now, and
// another's may lie where one was.
func TestAckAfterOutdated(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	fill := func(numbers ...uint64) {
		t.Helper()
		makeBox(t, s, 0)
		for _, n := range numbers {
			put(t, s, 0, n, n+1)
		}
	}
	fill(1, 2)
	was := fetched(t, s)
	if err := s.RemoveBox(t.Context(), boxID(0)); err != nil {
		t.Fatal(err)
	}
	fill(2, 3, 1)
	names := []mailbox.Name{was[0].Name, was[1].Name, was[1].Name, mailbox.NameOf([]byte("nothing"))}
	gone, err := s.Ack(t.Context(), boxID(0), names)
	if err != nil || len(gone) != 2 || gone[0].Name != names[0] || gone[1].Name != names[1] {
		t.Errorf("%+v, %v", gone, err)
	}
	if left := fetched(t, s); len(left) != 1 || left[0].Name != mailbox.NameOf(bytesOf(3)) {
		t.Errorf("%+v", left)
	}
}
