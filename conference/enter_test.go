package conference

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/p2p/frame"
)

// lane dials a mixer that says what the test has it say.
type lane func(s *frame.Stream)

func (l lane) Dial(context.Context, identity.TransportKey, []string) (net.Conn, error) {
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		l(frame.New(there, AskSize, time.Second))
	}()
	return here, nil
}

func sdp(f Fingerprint) string {
	return "v=0\r\na=fingerprint:sha-256 " + strings.TrimSuffix(strings.ReplaceAll(fmt.Sprintf("% x", f[:]), " ", ":"), ":") + "\r\n"
}

func hear(s *frame.Stream) *Ask {
	b, err := s.Read()
	if err != nil {
		return &Ask{}
	}
	a, err := ParseAsk(b)
	if err != nil {
		return &Ask{}
	}
	return a
}

func say(s *frame.Stream, r Reply) {
	if b, err := r.AppendTo(nil); err == nil {
		_ = s.Write(b)
	}
}

func TestEnterRoom(t *testing.T) {
	key, room, offer, cert := NewJoinKey(), NewRoomID(), Fingerprint{1}, Fingerprint{2}
	proved := func(s *frame.Stream) *Prove {
		if a := hear(s); a.Enter == nil || a.Enter.Room != room {
			return nil
		}
		say(s, Reply{Welcome: &Welcome{Fingerprint: cert}})
		p := hear(s).Prove
		if p == nil || key.Check(p.Proof, Entering, offer, cert) != nil {
			return nil
		}
		if got, err := ParseJoinKey(p.Key[:]); err != nil || got.Hash() != key.Hash() {
			return nil
		}
		return p
	}
	honest := func(leg uint32) Reply {
		return Reply{Entered: &Entered{Answer: sdp(cert), Proof: key.Proof(Answering, offer, cert), Leg: leg}}
	}
	for _, tt := range []struct {
		name  string
		mixer lane
		want  error
	}{
		{"honest", func(s *frame.Stream) {
			if proved(s) != nil {
				say(s, honest(7))
				if hear(s).Again != nil {
					say(s, honest(7))
				}
				say(s, Reply{Refused: &Refused{Why: ErrClosing}})
			}
		}, nil},
		{"another certificate than it named", func(s *frame.Stream) {
			if proved(s) != nil {
				say(s, Reply{Entered: &Entered{Answer: sdp(Fingerprint{3}), Proof: key.Proof(Answering, offer, Fingerprint{3})}})
			}
		}, ErrKey},
		{"no proof", func(s *frame.Stream) {
			if p := proved(s); p != nil {
				say(s, Reply{Entered: &Entered{Answer: sdp(cert), Proof: p.Proof}})
			}
		}, ErrKey},
		{"refuses", func(s *frame.Stream) {
			if proved(s) != nil {
				say(s, Reply{Refused: &Refused{Why: ErrFull}})
			}
		}, ErrFull},
		{"answers something else", func(s *frame.Stream) {
			if proved(s) != nil {
				say(s, Reply{Done: &Done{}})
			}
		}, ErrSignal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, answer, err := EnterRoom(t.Context(), tt.mixer, Mixer{}, room, key, sdp(offer))
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err != nil {
				return
			}
			defer e.Close()
			if answer != sdp(cert) || e.Leg() != 7 {
				t.Errorf("answer %q, leg %d", answer, e.Leg())
			}
			if again, err := e.Restart(t.Context(), sdp(offer)); err != nil || again != answer {
				t.Errorf("again: %q, %v", again, err)
			}
			<-e.Ended()
			if !errors.Is(e.Err(), ErrClosing) {
				t.Errorf("ended: %v", e.Err())
			}
		})
	}
}

func TestOpenRoom(t *testing.T) {
	o := Opening{Room: NewRoomID(), Mode: Mixed, Keys: []KeyHash{{1}}, Token: "t"}
	answer := func(r Reply) lane {
		return func(s *frame.Stream) {
			if a := hear(s); a.Open != nil && a.Open.Token == "t" || a.Admit != nil {
				say(s, r)
			}
		}
	}
	if err := OpenRoom(t.Context(), answer(Reply{Done: &Done{}}), Mixer{}, o); err != nil {
		t.Error(err)
	}
	if err := OpenRoom(t.Context(), answer(Reply{Refused: &Refused{Why: ErrNotAllowed}}), Mixer{}, o); !errors.Is(err, ErrNotAllowed) {
		t.Error(err)
	}
	if err := AdmitTo(t.Context(), answer(Reply{Done: &Done{}}), Mixer{}, Admit{Room: o.Room}); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	silent := lane(func(s *frame.Stream) {
		hear(s)
		cancel()
		hear(s)
	})
	if err := OpenRoom(ctx, silent, Mixer{}, o); err == nil {
		t.Error("a silent mixer")
	}
}

// What a mixer does, and what people are told of it.
func TestPlain(t *testing.T) {
	refuse := func(why RefusalError) lane {
		return func(s *frame.Stream) {
			hear(s)
			say(s, Reply{Refused: &Refused{Why: why}})
		}
	}
	for _, tt := range []struct {
		name  string
		mixer Lane
		want  string
	}{
		{"opens", lane(func(s *frame.Stream) { hear(s); say(s, Reply{Done: &Done{}}) }), ""},
		{"full", refuse(ErrFull), "is full"},
		{"token", refuse(ErrNotAllowed), "does not let this device open a room: its token is missing or wrong"},
		{"stops", refuse(ErrClosing), "is stopping"},
		{"says nothing", lane(func(s *frame.Stream) { hear(s); _, _ = s.ReadWithin(time.Hour) }), "does not answer"},
		{"says something else", lane(func(s *frame.Stream) { hear(s); say(s, Reply{Welcome: &Welcome{}}) }), "and this device do not understand each other"},
		{"hangs up", lane(func(s *frame.Stream) { hear(s) }), "cannot be reached"},
		{"is not there", nobody{}, "cannot be reached"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				err := OpenRoom(ctx, tt.mixer, Mixer{}, Opening{Room: RoomID{1}, Mode: Mixed, Keys: []KeyHash{{1}}})
				if got := Plain(err); got != tt.want {
					t.Errorf("%v: got %q, want %q", err, got, tt.want)
				}
			})
		})
	}
}

// nobody is a lane on which nobody can be reached.
type nobody struct{}

func (nobody) Dial(context.Context, identity.TransportKey, []string) (net.Conn, error) {
	return nil, errors.New("refused")
}
