package mailboxtest

import (
	"testing"

	"github.com/linnetmesh/linnet/mailbox"
)

// TestMemory holds the store in memory to the suite.
func TestMemory(t *testing.T) {
	RunStore(t, func(*testing.T) Disk {
		m := &Memory{}
		return Disk{
			Open:    func(testing.TB) mailbox.Store { m.Reopen(); return m },
			SetFull: func(_ testing.TB, _ mailbox.Store, full bool) { m.SetFull(full) },
			Damage: func(t testing.TB, _ mailbox.Store, box mailbox.BoxID, post mailbox.Post) {
				t.Helper()
				if !m.Damage(box, post.Name) {
					t.Error("nothing to damage")
				}
			},
		}
	})
}
