package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// Client makes calls of a daemon. It is safe for several goroutines at once.
type Client struct {
	http  *http.Client
	base  string
	token string
}

// Bounds of what a client reads.
const (
	maxAnswer = 64 << 20
	maxEvent  = 1 << 20
	patience  = 10 * time.Second // how long Watch tries to connect anew
)

// DialSocket returns a client of the daemon that listens on a unix socket. It connects to nobody yet: a call's error is
// a *Problem of CodeNoDaemon if nobody listens.
func DialSocket(path string) *Client {
	return &Client{base: "http://linnet", http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}}
}

// Dial returns a client of the daemon that listens on a loopback address, such as 127.0.0.1:4870, with a token.
func Dial(address, token string) *Client {
	return &Client{base: "http://" + address, token: token, http: new(http.Client)}
}

// call makes a call: in is a pointer to a struct with huma's tags, out a pointer to what the body holds.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	r, err := c.request(ctx, method, path, reflect.ValueOf(in).Elem())
	if err != nil {
		return err
	}
	answer, err := c.do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("reading the daemon's answer: %w", err)
	}
	return nil
}

// Raw makes a call as it is, for what this package does not know: a path that begins with /v1/, and a JSON body or none.
// It returns the body of the answer, which must be closed. The error is as that of Operation.Call.
func (c *Client) Raw(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("writing a request: %w", err)
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.do(r)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, maxAnswer), answer.Body}, nil
}

// do sends a request, and turns what is not well into an error.
func (c *Client) do(r *http.Request) (*http.Response, error) {
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" && r.Context().Err() == nil {
			return nil, &Problem{Title: "no daemon", Status: http.StatusServiceUnavailable, Code: CodeNoDaemon, Detail: "Linnet is not running", Hint: "linnet up"}
		}
		if r.Context().Err() != nil {
			return nil, context.Cause(r.Context())
		}
		return nil, fmt.Errorf("asking the daemon: %w", err)
	}
	if answer.StatusCode/100 == 2 {
		return answer, nil
	}
	defer answer.Body.Close()
	p := new(Problem)
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxEvent)).Decode(p); err != nil || p.Code == "" {
		return nil, &Problem{Title: answer.Status, Status: answer.StatusCode, Code: CodeInternal, Detail: "the daemon answered " + answer.Status}
	}
	return nil, p
}

// request makes a request of an input.
func (c *Client) request(ctx context.Context, method, path string, in reflect.Value) (*http.Request, error) {
	query, header := url.Values{}, http.Header{}
	var body []byte
	var fill func(v reflect.Value) error
	fill = func(v reflect.Value) (err error) {
		for i := range v.NumField() {
			field, value := v.Type().Field(i), v.Field(i)
			text := ""
			if field.Name != "Body" && !field.Anonymous {
				text = fmt.Sprint(value.Interface())
			}
			if at, ok := value.Interface().(time.Time); ok {
				text = at.Format(time.RFC3339Nano)
			}
			switch {
			case field.Anonymous:
				err = errors.Join(err, fill(value))
			case field.Name == "Body":
				body, err = json.Marshal(value.Interface())
			case field.Tag.Get("path") != "":
				if text == "" {
					text = "-"
				}
				path = strings.Replace(path, "{"+field.Tag.Get("path")+"}", url.PathEscape(text), 1)
			case value.IsZero():
			case field.Tag.Get("query") != "":
				query.Set(field.Tag.Get("query"), text)
			case field.Tag.Get("header") != "":
				header.Set(field.Tag.Get("header"), text)
			}
		}
		return err
	}
	if err := fill(in); err != nil {
		return nil, fmt.Errorf("writing a request: %w", err)
	}
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("writing a request: %w", err)
	}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	r.Header = header
	return r, nil
}

// Watch calls f with each event after an ID, empty for from now on, until f returns an error, which Watch returns, or ctx
// ends. It connects anew when the connection breaks, and gives up with a *Problem of CodeNoDaemon if nobody has listened
// for 10 s. An account, if not empty, narrows it.
func (c *Client) Watch(ctx context.Context, after, account string, f func(Event) error) error {
	var missed time.Time // since when nobody listens
	for {
		connected, err := c.watch(ctx, &after, account, f)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var given *givenError
		if errors.As(err, &given) {
			return given.error
		}
		var p *Problem
		if errors.As(err, &p) && p.Code != CodeNoDaemon && p.Code != CodeStopped {
			return err
		}
		if connected || missed.IsZero() {
			missed = time.Now()
		}
		if !connected && (after == "" || time.Since(missed) > patience) {
			return err
		}
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// givenError is what the function of a watcher returned.
type givenError struct{ error }

func (c *Client) watch(ctx context.Context, after *string, account string, f func(Event) error) (connected bool, err error) {
	target := c.base + WatchPath
	if account != "" && account != "-" {
		target += "?" + url.Values{"account": {account}}.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return false, err
	}
	if *after != "" {
		r.Header.Set("Last-Event-ID", *after)
	}
	answer, err := c.do(r)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			*after = id
		}
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return true, fmt.Errorf("reading an event: %w", err)
		}
		if err := f(e); err != nil {
			return true, &givenError{err}
		}
	}
	if err := lines.Err(); err != nil {
		return true, fmt.Errorf("reading events: %w", err)
	}
	return true, io.ErrUnexpectedEOF
}
