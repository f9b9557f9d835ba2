package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/mailbox"
)

// Each sentence has its reason, also with what may stand around it; names are such as programs like.
func TestReasons(t *testing.T) {
	t.Parallel()
	for _, s := range sentences {
		says := strings.TrimPrefix(s.says, "mailbox: ")
		for _, sentence := range []string{s.says, says, says + ": more of it", says + "; again in 5s", says + "; " + saysSlow, "opening the box: " + says} {
			if got := ReasonOf(sentence); got != s.reason {
				t.Errorf("%q is %q, want %q", sentence, got, s.reason)
			}
		}
	}
	for sentence, want := range map[string]Reason{
		"":                                    "",
		"the moon is in the way":              ReasonOther,
		errNoAnswer.Error() + "; " + saysSlow: ReasonNoAnswer,
		reasonOf(&mailbox.RefusedError{Err: mailbox.ErrBusy, RetryAfter: time.Minute}):            ReasonRelayBusy,
		reasonOf(fmt.Errorf("%w: no answer", mailbox.ErrUnreachable)):                             ReasonUnreachable,
		reasonOf(fmt.Errorf("putting: %w", context.DeadlineExceeded)):                             ReasonSlow,
		reasonOf(errors.Join(mailbox.ErrLie)):                                                     ReasonRelayLies,
		reasonOf(&mailbox.RefusedError{Err: mailbox.ErrStrangersClosed}) + "; " + saysUnreachable: ReasonNoStrangers,
	} {
		if got := ReasonOf(sentence); got != want {
			t.Errorf("%q is %q, want %q", sentence, got, want)
		}
	}
	all := Reasons()
	for _, r := range all {
		if r == "" || strings.Trim(string(r), "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%q is no name", r)
		}
	}
	if slices.Sort(all); len(slices.Compact(all)) != len(Reasons()) {
		t.Error("one stands twice")
	}
}

// TestWaitingIsTold has something wait for somebody who is nowhere, for a day: who watches is told why when that changes, and
// not at each of the many tries.
func TestWaitingIsTold(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada := h.t, h.ada
		seed := identity.NewSeed()
		address := identity.Address{Account: publicOf(seed), Discovery: seed.DiscoveryRoot(0).Key(0).Public()}
		first := ada.LastEvent()
		to, err := ada.Add(t.Context(), address.String())
		check(t, err)
		time.Sleep(24 * time.Hour)
		var told []Event
		enough := errors.New("enough")
		last := ada.LastEvent()
		err = ada.Watch(t.Context(), first, func(e Event) error {
			if e.Kind == EventWaiting {
				told = append(told, e)
			}
			if e.ID == last {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) {
			t.Fatal(err)
		}
		if len(told) == 0 || len(told) > 3 || told[len(told)-1].Account != to {
			t.Errorf("told %d times: %+v", len(told), told)
		}
		w := ada.Waiting()
		if len(w) != 1 || ReasonOf(w[0].Why) != ReasonNotFound && ReasonOf(w[0].Why) != ReasonLooking {
			t.Errorf("it waits since %+v", w)
		}
	})
}
