package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/linnetmesh/linnet/node"
)

// RestorePath is where a backup is given, as RestoreType: a line of JSON, which is a RestoreHead, and behind it the file.
const (
	RestorePath = "/v1/restore"
	RestoreType = "application/vnd.linnet.restore"
)

// Rules of files.
const (
	filePatience  = time.Minute // how long either side may be stuck
	drainPatience = time.Minute // how long the rest of a file that is of no use is read, so that its sender hears why
	maxHead       = 256 << 10   // bytes of a RestoreHead
	summaryHeader = "Linnet-Backup"
	backupType    = "application/octet-stream"
)

// RestoreHead says how a backup opens, whose it is, and what becomes of it here.
type RestoreHead struct {
	Passphrase string `json:"passphrase,omitempty" maxLength:"1024" doc:"of the backup"`
	Identities string `json:"identities,omitempty" maxLength:"65536" doc:"in place of a passphrase: as in a file of age-keygen"`
	Words      string `json:"words" maxLength:"512" doc:"24 words of the account"`
	Name       string `json:"name,omitempty" maxLength:"64" doc:"local name; empty: made from the name in the backup"`
	Lock       string `json:"lock,omitempty" maxLength:"1024" doc:"passphrase that protects the store from now on; empty: a key file of mode 0600"`
	Keyring    bool   `json:"keyring,omitempty" doc:"keep that passphrase in the system's keyring"`
}

// ViewBackup shows what is in a backup.
func ViewBackup(b *node.BackupSummary) Backup {
	return Backup{
		Made: b.Made, Account: b.Account.String(), Name: b.Name, Device: int(b.Device),
		Contacts: b.Contacts, Messages: b.Messages, Waiting: b.Waiting, Damaged: b.Damaged,
	}
}

// backupRoutes serves what is about backups.
func (s *Server) backupRoutes() {
	handle(s, GetLastBackup, func(ctx context.Context, in *InAccount) (*LastBackup, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		return a.lastBackup(), nil
	})
	handle(s, NoteBackup, func(ctx context.Context, in *InNoteBackup) (*LastBackup, error) {
		a, err := s.in(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		if made := in.Body.Made; made.Before(time.UnixMilli(0)) || made.After(time.Now().Add(time.Minute)) {
			return nil, problem(422, CodeInvalid, "", "no backup can be of that time")
		}
		if err := a.NoteBackup(ctx, in.Body.Made); err != nil {
			return nil, err
		}
		return a.lastBackup(), nil
	})

	s.all = append(s.all, makeBackup.describe(), restore.describe())
	huma.Register(s.api, huma.Operation{
		OperationID: makeBackup.Name, Method: makeBackup.Method, Path: makeBackup.Path, Summary: makeBackup.Summary, MaxBodyBytes: maxBody,
		Description: "The answer ends with a trailer " + summaryHeader + ", which is a Backup. One that breaks off is no backup. Once the file is where it is to stay, noteBackup is to be called.",
		Security:    []map[string][]string{{"token": {string(makeBackup.Scope)}}},
		Responses:   map[string]*huma.Response{"200": {Description: "the file", Content: map[string]*huma.MediaType{backupType: fileContent()}}},
	}, func(_ context.Context, in *InMakeBackup) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(c huma.Context) {
			r, w := humago.Unwrap(c)
			s.serveBackup(w, r, in)
		}}, nil
	})
	s.api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: restore.Name, Method: restore.Method, Path: restore.Path, Summary: restore.Summary,
		Description: "The body is a line of JSON, " + `{"passphrase": …, "words": …, …}` + ", then the file.",
		Security:    []map[string][]string{{"token": {string(restore.Scope)}}},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{RestoreType: fileContent()}},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"application/json": {Schema: huma.SchemaFromType(s.api.OpenAPI().Components.Schemas, reflect.TypeFor[Restored]())},
		}}},
	})
	s.mux.HandleFunc(restore.Method+" "+restore.Path, s.serveRestore)
}

func fileContent() *huma.MediaType {
	return &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
}

func (a *at) lastBackup() *LastBackup {
	made, ok := a.LastBackup()
	if !ok {
		return new(LastBackup)
	}
	return &LastBackup{Made: &made}
}

// transfer tells whether a caller may send or get a file now, and answers if not. The slot that it takes is given back by
// what it returns.
func (s *Server) transfer(w http.ResponseWriter, c *caller, o Described) (done func(), ok bool) {
	if !c.may(o.Scope) || !c.reaches(o) {
		refuse(w, problem(http.StatusForbidden, CodeScope, "", "this takes a token of scope %s for it", o.Scope))
		return nil, false
	}
	select {
	case s.files <- struct{}{}:
		return func() { <-s.files }, true
	default:
		refuse(w, problem(http.StatusTooManyRequests, CodeRate, "try again when they are done", "other backups are being made or read"))
		return nil, false
	}
}

// serveBackup makes a backup, and sends it as it comes. What breaks off does so for whoever reads it, too.
func (s *Server) serveBackup(w http.ResponseWriter, r *http.Request, in *InMakeBackup) {
	done, ok := s.transfer(w, callerOf(r.Context()), makeBackup.describe())
	if !ok {
		return
	}
	defer done()
	a, err := s.in(r.Context(), in.Account)
	if err != nil {
		refuse(w, s.problemOf(err))
		return
	}
	out := &download{w: w, control: http.NewResponseController(w)}
	defer func() { _ = out.control.SetWriteDeadline(time.Time{}) }()
	made, err := a.Backup(r.Context(), out, node.BackupLock{Passphrase: in.Body.Passphrase, Recipients: in.Body.Recipients})
	var summary []byte
	if err == nil {
		summary, err = json.Marshal(ViewBackup(&made))
	}
	switch {
	case err != nil && !out.began:
		refuse(w, s.problemOf(err))
	case err != nil:
		if r.Context().Err() == nil {
			s.log.Error("a backup broke off", "error", err)
		}
		panic(http.ErrAbortHandler) // what net/http has for an answer that must not look whole
	default:
		w.Header().Set(summaryHeader, string(escapedHeader(summary)))
	}
}

// escapedHeader is JSON that means the same, in ASCII.
func escapedHeader(b []byte) []byte {
	var out []byte
	for _, r := range string(b) {
		switch {
		case r < 0x80:
			out = append(out, byte(r))
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	return out
}

// download is an answer that is a file. Who does not read for filePatience is cut off.
type download struct {
	w       http.ResponseWriter
	control *http.ResponseController
	began   bool
}

// Write is an io.Writer's.
func (d *download) Write(b []byte) (int, error) {
	if !d.began {
		d.began = true
		d.w.Header().Set("Content-Type", backupType)
		d.w.Header().Set("Trailer", summaryHeader)
		d.w.WriteHeader(http.StatusOK)
	}
	_ = d.control.SetWriteDeadline(time.Now().Add(filePatience)) // not every listener can
	return d.w.Write(b)
}

// upload is a body that is a file. Who does not send for filePatience is given up.
type upload struct {
	io.Reader
	control *http.ResponseController
}

// Read is an io.Reader's.
func (u *upload) Read(b []byte) (int, error) {
	_ = u.control.SetReadDeadline(time.Now().Add(filePatience)) // not every listener can
	n, err := u.Reader.Read(b)
	if err != nil { // what follows is not the sender's to hurry
		_ = u.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// serveRestore reads a backup as it comes, and makes an account of it.
func (s *Server) serveRestore(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != RestoreType {
		refuse(w, problem(http.StatusUnsupportedMediaType, CodeMedia, "", "the body is %s: a line of JSON, then the file", RestoreType))
		return
	}
	done, ok := s.transfer(w, callerOf(r.Context()), restore.describe())
	if !ok {
		return
	}
	defer done()
	control := http.NewResponseController(w)
	body := bufio.NewReaderSize(&upload{r.Body, control}, 64<<10)
	got, err := s.restore(r.Context(), body)
	if err != nil {
		end := time.Now().Add(drainPatience)
		for err := error(nil); err == nil && time.Now().Before(end); {
			_, err = body.Discard(64 << 10)
		}
		refuse(w, s.problemOf(err))
		return
	}
	b, err := json.Marshal(got)
	if err != nil {
		refuse(w, s.problemOf(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b)
}

func (s *Server) restore(ctx context.Context, body *bufio.Reader) (*Restored, error) {
	line, err := readHead(body)
	if err != nil {
		return nil, err
	}
	defer clear(line)
	in := new(RestoreHead)
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil || d.InputOffset() != int64(len(line)) {
		return nil, problem(http.StatusBadRequest, CodeInvalid, "", "the first line is no JSON that is understood here")
	}
	if len(in.Passphrase) > 1024 || len(in.Identities) > 64<<10 || len(in.Lock) > 1024 {
		return nil, problem(http.StatusUnprocessableEntity, CodeInvalid, "", "a passphrase has at most 1024 bytes, and a file of identities 65536")
	}
	return value(s.daemon.Restore(ctx, in, body))
}

// readHead reads the first line of a body.
func readHead(body *bufio.Reader) (line []byte, err error) {
	for len(line) < maxHead {
		some, err := body.ReadSlice('\n')
		line = append(line, some...)
		if err == nil {
			return line[:len(line)-1], nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
	}
	return nil, problem(http.StatusBadRequest, CodeInvalid, "", "the first line is missing, or too long")
}

// MakeBackup has a backup made, and writes it to out as it comes. It is whole if the error is nil. The error is that of
// Operation.Call, or of out. Once it is where it is to stay, NoteBackup is to be called with what it returns.
func (c *Client) MakeBackup(ctx context.Context, in InMakeBackup, out io.Writer) (*Backup, error) {
	r, err := c.request(ctx, makeBackup.Method, makeBackup.Path, reflect.ValueOf(&in).Elem())
	if err != nil {
		return nil, err
	}
	answer, err := c.do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	from := &reading{r: answer.Body}
	_, err = io.Copy(out, from)
	made := new(Backup)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil && from.err == nil: // out's own
		return nil, err
	case err != nil, json.Unmarshal([]byte(answer.Trailer.Get(summaryHeader)), made) != nil:
		return nil, problem(http.StatusServiceUnavailable, CodeInternal, "linnet doctor", "the backup broke off: the account or the daemon has stopped, or could not read its store")
	}
	return made, nil
}

// reading remembers whether reading failed.
type reading struct {
	r   io.Reader
	err error
}

func (f *reading) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// Restore gives a backup to the daemon, which makes an account of it and runs it. The error is that of Operation.Call, or of
// file: then there is no such account.
func (c *Client) Restore(ctx context.Context, in RestoreHead, file io.Reader) (*Restored, error) {
	head, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("writing a request: %w", err)
	}
	from := &reading{r: file}
	r, err := http.NewRequestWithContext(ctx, restore.Method, c.base+restore.Path, io.MultiReader(bytes.NewReader(append(head, '\n')), from))
	if err != nil {
		return nil, fmt.Errorf("writing a request: %w", err)
	}
	r.Header.Set("Content-Type", RestoreType)
	answer, err := c.do(r)
	if err != nil {
		if from.err != nil {
			return nil, fmt.Errorf("reading the backup: %w", from.err)
		}
		return nil, err
	}
	defer answer.Body.Close()
	out := new(Restored)
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(out); err != nil {
		return nil, fmt.Errorf("reading the daemon's answer: %w", err)
	}
	return out, nil
}
