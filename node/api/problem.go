package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnetmesh/linnet/node"
)

// Problem is an error of the API: problem details for HTTP APIs (RFC 9457), as application/problem+json.
type Problem struct { //nolint:errname // the name that RFC 9457 has for it
	Type   string `json:"type,omitempty"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   Code   `json:"code" doc:"for programs"`
	Reason string `json:"reason,omitempty" doc:"which of the reasons that a code may have, for programs: a stable name"`
	Hint   string `json:"hint,omitempty" doc:"what to do, for people"`
}

// Error is for people.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Detail
}

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// Code says for programs what went wrong. Codes stay; more may come.
type Code string

// The codes, each with its HTTP status.
const (
	CodeInvalid   Code = "invalid"        // 400 or 422: what was asked is not in order
	CodeToken     Code = "token"          // 401: no token, or one that is not valid
	CodeScope     Code = "scope"          // 403: the token does not allow this
	CodeForbidden Code = "forbidden"      // 403: wrong Host, Origin or the like
	CodeNotFound  Code = "not_found"      // 404: no such contact, message, invite, token, operation
	CodeAmbiguous Code = "ambiguous"      // 409: several answer to that name or beginning
	CodeConflict  Code = "conflict"       // 409: it exists already; the idempotency key was used for something else
	CodeBlocked   Code = "blocked"        // 409: the contact is blocked
	CodeRevoked   Code = "revoked"        // 409: this device was taken off its account
	CodeGone      Code = "gone"           // 410: the invite has expired, the words were confirmed
	CodeLarge     Code = "too_large"      // 413
	CodeMedia     Code = "media_type"     // 415: JSON only
	CodeLocked    Code = "locked"         // 423: the account waits for its passphrase
	CodeFull      Code = "full"           // 507: outbox, contacts or disk full
	CodeRate      Code = "rate"           // 429
	CodeInternal  Code = "internal"       // 500
	CodeStopped   Code = "stopped"        // 503: the account or the daemon stops
	CodeNoDaemon  Code = "no_daemon"      // of Client alone: nobody listens
	CodeNoAccount Code = "no_account"     // 404: there is no such account on this machine, or none at all
	CodeWrong     Code = "wrong_password" // 403: wrong passphrase, wrong words
	CodeDamaged   Code = "damaged"        // 500 or 422: a backup or record is not what was written
	CodeNewer     Code = "newer"          // 409: it needs a newer Linnet
)

// ContentType makes huma say application/problem+json.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func problem(status int, code Code, hint, format string, args ...any) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Code: code, Hint: hint, Detail: fmt.Sprintf(format, args...)}
}

func init() { //nolint:gochecknoinits // huma has one place for this, for the whole process
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		p := &Problem{Title: http.StatusText(status), Status: status, Code: codeOf(status), Detail: message}
		for _, err := range errs {
			if err != nil {
				p.Detail += ": " + err.Error()
			}
		}
		return p
	}
}

// codeOf returns the code for what huma finds wrong.
func codeOf(status int) Code {
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return CodeNotFound
	case http.StatusRequestEntityTooLarge:
		return CodeLarge
	case http.StatusUnsupportedMediaType:
		return CodeMedia
	}
	if status >= 500 {
		return CodeInternal
	}
	return CodeInvalid
}

// known are errors of node, as the API says them.
var known = []struct {
	err    error
	status int
	code   Code
	reason string
	text   string
	hint   string
}{
	{node.ErrUnknownContact, 404, CodeNotFound, "no_contact", "not a contact", "linnet contacts"},
	{node.ErrUnknownMessage, 404, CodeNotFound, "no_message", "no such message", "linnet history"},
	{node.ErrBlocked, 409, CodeBlocked, "blocked", "the contact is blocked", "linnet block --undo"},
	{node.ErrRevoked, 409, CodeRevoked, "revoked", "this device was taken off its account: it can read what it has, and say nothing", ""},
	{node.ErrSelf, 400, CodeInvalid, "self", "that is yourself", ""},
	{node.ErrContactsFull, 507, CodeFull, "contacts_full", "there are as many contacts as there can be", ""},
	{node.ErrOutboxFull, 507, CodeFull, "outbox_full", "too much waits for this contact already", "linnet status"},
	{node.ErrInvite, 400, CodeInvalid, "not_invite", "that is no invite, or it was misspelt", "copy the whole link"},
	{node.ErrInviteOver, 410, CodeGone, "invite_over", "the invite has expired", "ask for another"},
	{node.ErrRelay, 400, CodeInvalid, "not_relay", "that is no relay's address, or it was misspelt", "copy the whole line that linnet-relay prints"},
	{node.ErrUnknownRelay, 404, CodeNotFound, "no_such_relay", "no such relay", "linnet relay"},
	{node.ErrRelaysFull, 507, CodeFull, "relays_full", "there are as many relays as there can be", "linnet relay remove"},
	{node.ErrUnknownCall, 404, CodeNotFound, "no_call", "no such call, or it is over", "linnet calls"},
	{node.ErrInCall, 409, CodeConflict, "in_call", "there is a call already", "linnet call hangup"},
	{node.ErrCallSeat, 409, CodeConflict, "call_seat", "another program carries the media of this call", ""},
	{node.ErrNeedsMixer, 400, CodeInvalid, "needs_mixer", "a call of more than four needs a mixer", "linnet call --via ADDRESS"},
	{node.ErrMixer, 400, CodeInvalid, "not_mixer", "that is no mixer's address, or it was misspelt", "copy the whole line that linnet-mixer prints"},
	{node.ErrCall, 400, CodeInvalid, "bad_call", "such a call cannot be", ""},
	{node.ErrPicture, 422, CodeMedia, "not_picture", "that is no JPEG, PNG or WebP that can be shown", ""},
	{node.ErrPictureLarge, 413, CodeLarge, "picture_large", "the picture is too large: 8 MiB and 24 megapixels at most", ""},
	{node.ErrNoPicture, 404, CodeNotFound, "no_picture", "there is no picture", "linnet profile --picture FILE"},
	{node.ErrNoWords, 410, CodeGone, "no_words", "the words are not on this device any more", ""},
	{node.ErrWrongWords, 403, CodeWrong, "wrong_words", "these are not the words of this account", ""},
	{node.ErrOnce, 409, CodeConflict, "key_used", "the idempotency key was used for another message", ""},
	{node.ErrStopped, 503, CodeStopped, "stopped", "the account stops", ""},
	{node.ErrBackupKey, 403, CodeWrong, "wrong_key", "wrong passphrase or identity: the backup does not open by it", ""},
	{node.ErrBackup, 422, CodeDamaged, "not_backup", "that is no backup of Linnet", ""},
	{node.ErrNewer, 409, CodeNewer, "newer", "it needs a newer Linnet", "install a newer Linnet"},
	{node.ErrBackupDamaged, 422, CodeDamaged, "backup_damaged", "the backup is damaged or cut short", "try another copy of it"},
	{node.ErrBackupLock, 422, CodeInvalid, "backup_lock", "", ""},
	{node.ErrFull, 507, CodeFull, "disk_full", "the disk is nearly full", "make room, then try again"},
}

// Explain returns an error of node as the API says it, a *Problem; others it returns as they are.
func Explain(err error) error {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			p := problem(k.status, k.code, k.hint, "%s", cmp.Or(k.text, err.Error()))
			p.Reason = k.reason
			return p
		}
	}
	if node.IsInvalid(err) {
		return problem(http.StatusUnprocessableEntity, CodeInvalid, "", "%s", err)
	}
	return err
}

// Reasons returns the reasons that problems may name, for who has words of their own for them.
func Reasons() (out []string) {
	for _, k := range known {
		out = append(out, k.reason)
	}
	return out
}

// problemOf returns an error as the API says it. What is not known is told to the log alone.
func (s *Server) problemOf(err error) *Problem {
	var p *Problem
	if errors.As(Explain(err), &p) {
		return p
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return problem(http.StatusServiceUnavailable, CodeStopped, "", "it took too long, or was given up")
	}
	s.log.Error("a call failed", "error", err)
	return problem(http.StatusInternalServerError, CodeInternal, "linnet doctor", "something went wrong inside; the log says what")
}
