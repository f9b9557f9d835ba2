package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// What was erased takes no room in a page: a page that is not full is the last, in both directions.
func TestPagesPastErased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(goldenDay))
		network := p2ptest.New(1)
		defer network.Close()
		ada, ben := start(t, network, "Ada", vault.Config{}), start(t, network, "Ben", vault.Config{})
		friends(t, ada, ben)
		with := ben.Account()
		var want []string
		for i := range 40 {
			text := fmt.Sprint(i)
			ref, err := ada.Send(t.Context(), with, text, Ref{})
			check(t, err)
			if i%4 != 0 || i > 30 { // the newest, too, and several at once
				check(t, ada.Erase(t.Context(), with, ref))
				continue
			}
			want = append(want, text)
		}
		last, err := ada.Newest(with, 1)
		check(t, err)
		if len(last) != 1 || last[0].Text != want[len(want)-1] {
			t.Errorf("the newest is %+v", last)
		}
		for _, size := range []int{1, 2, 3, 7, 8, 50} {
			for name, read := range map[string]func(Account, chat.Place, int) ([]Message, error){"up": ada.MessagesAfter, "down": ada.Messages} {
				var got []string
				var at chat.Place
				for {
					page, err := read(with, at, size)
					check(t, err)
					for _, m := range page {
						if name == "up" {
							got = append(got, m.Text)
						} else {
							got = append([]string{m.Text}, got...)
						}
						at = m.Place
					}
					if len(page) < size {
						break
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s, by %d: %s", name, size, diff)
				}
			}
		}
	})
}
