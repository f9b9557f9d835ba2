package headless

import "testing"

// What a room tells, and what is made of it: how many others there are, -1 for no news.
func TestRoomList(t *testing.T) {
	var r roomList
	for _, s := range []struct {
		message string
		want    int
	}{
		{`{"legs":[{"leg":3}]}`, -1}, // of somebody, before it says who we are
		{`no JSON`, -1},
		{`{"you":3}`, -1},
		{`{"legs":[{"leg":3}]}`, 0},
		{`{"legs":[{"leg":3,"speaking":true}]}`, -1},
		{`{"legs":[{"leg":1},{"leg":2,"muted":true}]}`, 2},
		{`{"legs":[{"leg":1,"speaking":true}]}`, -1},
		{`{"gone":[1,7]}`, 1},
		{`{"legs":[{"leg":4}],"gone":[2]}`, -1},
		{`{"gone":[4]}`, 0},
		{`{"you":9}`, -1}, // it was entered again
		{`{"legs":[{"leg":9}]}`, -1},
		{`{"legs":[{"leg":5}]}`, 1},
	} {
		got, news := r.take([]byte(s.message))
		if !news {
			got = -1
		}
		if got != s.want {
			t.Errorf("%s: got %d, want %d", s.message, got, s.want)
		}
	}
}
