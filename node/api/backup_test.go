package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

// recipient returns somebody who can open a backup: in no time, as a passphrase is not.
func recipient(t *testing.T) (public, private string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id.Recipient().String(), id.String()
}

// A backup goes out, and an account is had again from it; when it was made is told once it was noted.
func TestBackup(t *testing.T) {
	w := newWorld(t)
	w.meet(t)
	ctx := t.Context()
	must[Message](t)(w.send(t, "ada", "ben", "hello, Ben", ""))
	words := must[Words](t)(GetWords.Call(ctx, w.socket, InAccount{"ada"})).Words
	public, private := recipient(t)
	in := InMakeBackup{InAccount: InAccount{"ada"}}
	in.Body.Recipients = []string{public}
	var file bytes.Buffer
	made := must[Backup](t)(w.socket.MakeBackup(ctx, in, &file))
	if made.Name != "Ada" || made.Contacts != 1 || made.Messages != 1 || made.Account != w.nodes["ada"].Account().String() {
		t.Errorf("unexpected: %+v", made)
	}
	if last := must[LastBackup](t)(GetLastBackup.Call(ctx, w.socket, InAccount{"ada"})); last.Made != nil {
		t.Errorf("it was noted by itself: %v", last.Made)
	}
	note := InNoteBackup{InAccount: InAccount{"ada"}}
	note.Body.Made = made.Made
	if last := must[LastBackup](t)(NoteBackup.Call(ctx, w.socket, note)); last.Made == nil || !last.Made.Equal(made.Made.Truncate(time.Millisecond)) {
		t.Errorf("noted %v, want %v", last.Made, made.Made)
	}
	if s := must[Status](t)(GetStatus.Call(ctx, w.socket, InNone{})); s.Accounts[0].Backup == nil || s.Accounts[1].Backup != nil {
		t.Errorf("unexpected: %+v", s)
	}
	note.Body.Made = time.Now().Add(time.Hour)
	if _, err := NoteBackup.Call(ctx, w.socket, note); code(err) != CodeInvalid {
		t.Errorf("a backup of tomorrow: %v", err)
	}

	head := RestoreHead{Identities: private, Words: strings.Join(words, " "), Name: "again"}
	got := must[Restored](t)(w.socket.Restore(ctx, head, bytes.NewReader(file.Bytes())))
	if got.Account.Name != "again" || got.Backup.Contacts != 1 || got.Backup.Messages != 1 || !got.Backup.Made.Equal(made.Made.Truncate(time.Millisecond)) {
		t.Errorf("unexpected: %+v", got)
	}
	other := must[Words](t)(GetWords.Call(ctx, w.socket, InAccount{"ben"})).Words
	_, wrong := recipient(t)
	for _, c := range []struct {
		name string
		head RestoreHead
		file []byte
		want Code
	}{
		{"another identity", RestoreHead{Identities: wrong, Words: head.Words}, file.Bytes(), CodeWrong},
		{"no key", RestoreHead{Words: head.Words}, file.Bytes(), CodeWrong},
		{"another's words", RestoreHead{Identities: private, Words: strings.Join(other, " ")}, file.Bytes(), CodeWrong},
		{"no words", RestoreHead{Identities: private, Words: "zoo"}, file.Bytes(), CodeInvalid},
		{"cut short", head, file.Bytes()[:file.Len()-1], CodeDamaged},
		{"something else", head, bytes.Repeat([]byte("x"), 8<<20), CodeDamaged},
		{"nothing", head, nil, CodeDamaged},
		{"a long passphrase", RestoreHead{Passphrase: strings.Repeat("x", 2000)}, file.Bytes(), CodeInvalid},
		{"a long head", RestoreHead{Passphrase: strings.Repeat("x", maxHead)}, file.Bytes(), CodeInvalid},
	} {
		if _, err := w.socket.Restore(ctx, c.head, bytes.NewReader(c.file)); code(err) != c.want {
			t.Errorf("%s: %v, code %q, want %q", c.name, err, code(err), c.want)
		}
	}
	broken := errors.New("the disk is gone")
	if _, err := w.socket.Restore(ctx, head, io.MultiReader(bytes.NewReader(file.Bytes()[:100]), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("a file that cannot be read: %v", err)
	}

	// Nobody makes one for nobody, or for somebody who was misspelt; and it stops with who reads it.
	for _, r := range [][]string{nil, {"age1nobody"}} {
		in.Body.Recipients = r
		if _, err := w.socket.MakeBackup(ctx, in, io.Discard); code(err) != CodeInvalid {
			t.Errorf("for %q: %v", r, err)
		}
	}
	in.Body.Recipients = []string{public}
	if _, err := w.socket.MakeBackup(ctx, in, failing{broken}); !errors.Is(err, broken) {
		t.Errorf("a disk that is full: %v", err)
	}
	in.Account = "eve"
	if _, err := w.socket.MakeBackup(ctx, in, io.Discard); code(err) != CodeNoAccount {
		t.Errorf("of nobody: %v", err)
	}
}

// failing can neither be read nor written.
type failing struct{ err error }

// Read is an io.Reader's.
func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Write is an io.Writer's.
func (f failing) Write([]byte) (int, error) { return 0, f.err }

// What breaks off is no backup for whoever asked for it, wherever that is.
func TestBackupBreaksOff(t *testing.T) {
	for _, cut := range []int{0, 100} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			d := &download{w: w, control: http.NewResponseController(w)}
			if _, err := d.Write(bytes.Repeat([]byte("x"), cut)); err != nil {
				t.Error(err)
			}
			_ = d.control.Flush()
			if cut > 0 {
				panic(http.ErrAbortHandler)
			}
		}))
		_, err := Dial(web.Listener.Addr().String(), "").MakeBackup(t.Context(), InMakeBackup{}, io.Discard)
		if code(err) != CodeInternal || !strings.Contains(err.Error(), "broke off") {
			t.Errorf("after %d bytes: %v", cut, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Dial(web.Listener.Addr().String(), "").MakeBackup(ctx, InMakeBackup{}, io.Discard); !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
		web.Close()
	}
}

// No more backups are made or read at once than maxFiles; and a restore is no JSON, and no other method's.
func TestRestoreIsGuarded(t *testing.T) {
	w := newWorld(t)
	for range maxFiles {
		w.server.files <- struct{}{}
	}
	if _, err := w.socket.Restore(t.Context(), RestoreHead{}, new(bytes.Buffer)); code(err) != CodeRate {
		t.Errorf("one more: %v", err)
	}
	in := InMakeBackup{InAccount: InAccount{"ada"}}
	in.Body.Passphrase = "x"
	if _, err := w.socket.MakeBackup(t.Context(), in, io.Discard); code(err) != CodeRate {
		t.Errorf("one more: %v", err)
	}
	for range maxFiles {
		<-w.server.files
	}
	for _, c := range []struct {
		method, kind string
		want         int
	}{
		{"POST", "application/json", 415},
		{"POST", "text/plain", 415},
		{"POST", "", 415},
		{"PUT", RestoreType, 415},
		{"GET", "", 404},
		{"POST", RestoreType, 400},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, RestorePath, strings.NewReader(map[bool]string{false: "x"}[c.method == "GET"]))
		r.Header.Set("Content-Type", c.kind)
		got := httptest.NewRecorder()
		w.server.Socket().ServeHTTP(got, r)
		if got.Code != c.want {
			t.Errorf("%s of %q: %d, want %d", c.method, c.kind, got.Code, c.want)
		}
	}
}

func TestEscapedHeader(t *testing.T) {
	if got := string(escapedHeader([]byte(`{"name":"Zoë 🦜"}`))); got != `{"name":"Zo\u00eb \ud83e\udd9c"}` {
		t.Errorf("it is %s", got)
	}
}
