package node

import (
	"testing"

	"github.com/linnetmesh/linnet/node/chat"
)

// TestFloors has something come while it is looked whether anything is unread: what was found then is not remembered.
func TestFloors(t *testing.T) {
	var f floors
	ada, ben := Account{1}, Account{2}
	at := chat.Place{Time: 5}
	was := f.of(ada)
	f.lay(ada, was, at)
	if f.of(ada).place != at || f.of(ben) != (floor{}) {
		t.Errorf("%+v %+v", f.of(ada), f.of(ben))
	}
	was = f.of(ada)
	f.lift(ada)
	f.lay(ada, was, chat.Place{Time: 6})
	if f.of(ada).place != (chat.Place{}) {
		t.Errorf("it remembers %+v", f.of(ada))
	}
	f.lay(ada, f.of(ada), at)
	if f.of(ada).place != at {
		t.Error("it remembers nothing any more")
	}
}
