package headless

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/conference"
)

// Way is how a participant gets into a room: with an offer, for an answer.
type Way interface {
	Enter(ctx context.Context, offer string) (Stay, string, error)
}

// Stay is being in a room. Ended may be nil if nothing but the media tells.
type Stay interface {
	Ended() <-chan struct{}
	Close() error
}

// ByLane is the way over /linnet/conference/1.
type ByLane struct {
	Lane  conference.Lane
	Mixer conference.Mixer
	Room  conference.RoomID
	Key   conference.JoinKey
}

// Enter enters the room.
func (w ByLane) Enter(ctx context.Context, offer string) (Stay, string, error) {
	e, answer, err := conference.EnterRoom(ctx, w.Lane, w.Mixer, w.Room, w.Key, offer)
	if err != nil {
		return nil, "", err
	}
	return e, answer, nil
}

// ByHTTP is the way over the mixer's HTTP endpoint (RFC 9725).
type ByHTTP struct {
	URL    string // http://127.0.0.1:4759/rooms/NAME/legs
	Bearer string
	Client *http.Client // nil means one with a limit of 10 s
}

// Enter enters the room.
func (w ByHTTP) Enter(ctx context.Context, offer string) (Stay, string, error) {
	if w.Client == nil {
		w.Client = &http.Client{Timeout: 10 * time.Second}
	}
	r, err := w.ask(ctx, http.MethodPost, w.URL, offer)
	if err != nil {
		return nil, "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, conference.SDPSize+1))
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("reading the answer: %w", err)
	case r.StatusCode != http.StatusCreated:
		return nil, "", fmt.Errorf("the mixer says %s: %s", r.Status, strings.TrimSpace(string(b[:min(len(b), 200)])))
	case len(b) > conference.SDPSize:
		return nil, "", errors.New("the mixer's answer is too long")
	}
	base, err := url.Parse(w.URL)
	if err != nil {
		return nil, "", err
	}
	leg, err := base.Parse(r.Header.Get("Location"))
	if err != nil {
		return nil, "", fmt.Errorf("reading the answer: %w", err)
	}
	return &httpStay{way: w, leg: leg.String()}, string(b), nil
}

func (w ByHTTP) ask(ctx context.Context, method, to, body string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+w.Bearer)
	r.Header.Set("Content-Type", "application/sdp")
	a, err := w.Client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("asking the mixer: %w", err)
	}
	return a, nil
}

type httpStay struct {
	way  ByHTTP
	leg  string
	once sync.Once
}

func (s *httpStay) Ended() <-chan struct{} { return nil }

// Close deletes the leg.
func (s *httpStay) Close() (err error) {
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		var r *http.Response
		if r, err = s.way.ask(ctx, http.MethodDelete, s.leg, ""); err == nil {
			err = r.Body.Close()
		}
		s.way.Client.CloseIdleConnections()
	})
	return err
}
