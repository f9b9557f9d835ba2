package api

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// LoginPath is where a tab gives the code of its link, as {"code": "…"}, and gets a Token with its secret. It takes no
// token, on loopback alone. The link carries the code in its fragment, which browsers send to nobody; it works once.
const LoginPath = "/v1/login"

// Rules of logins.
const (
	codeLife  = time.Minute
	pageLife  = 30 * 24 * time.Hour
	maxCodes  = 16
	maxLogin  = 1 << 10 // bytes of a request
	pageToken = "page"  // how tokens of tabs are named
)

// logins are the codes that were made and not used. They live in RAM, as hashes, like tokens.
type logins struct {
	mu    sync.Mutex
	codes []loginCode // the oldest first
}

type loginCode struct {
	hash  string
	until time.Time
}

// make makes a code. Of too many, the oldest goes.
func (l *logins) make(now time.Time) string {
	code := rand.Text()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.codes) == maxCodes {
		l.codes = l.codes[1:]
	}
	l.codes = append(l.codes, loginCode{hashOf(code), now.Add(codeLife)})
	return code
}

// use uses a code up, and tells whether it was good. Codes have 130 random bits: comparing hashes tells nothing.
func (l *logins) use(code string, now time.Time) bool {
	hash := hashOf(code)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, c := range l.codes {
		if c.hash == hash {
			l.codes = append(l.codes[:i:i], l.codes[i+1:]...)
			return now.Before(c.until)
		}
	}
	return false
}

func (s *Server) openPage() (*Login, error) {
	if s.page == nil || len(s.hosts) == 0 {
		return nil, problem(http.StatusServiceUnavailable, CodeStopped, "linnet down, then linnet up", "the page is not served: the daemon listens on no loopback address")
	}
	code := s.logins.make(time.Now())
	return &Login{URL: "http://" + s.hosts[0] + "/#" + code, Code: code, Seconds: int(codeLife / time.Second)}, nil
}

// serveLogin gives a tab its token for a code.
func (s *Server) serveLogin(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, problem(http.StatusMethodNotAllowed, CodeNotFound, "", "a code is given with POST"))
		return
	}
	var in struct {
		Code string `json:"code"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxLogin)).Decode(&in); err != nil || !s.logins.use(in.Code, time.Now()) {
		refuse(w, problem(http.StatusForbidden, CodeToken, "linnet open", "this link was used, or is too old"))
		return
	}
	token, err := s.tokens.make(Token{Name: pageToken, Scope: Admin, Page: true}, pageLife)
	if err != nil {
		s.log.Error("a tab was not let in", "error", err)
		refuse(w, problem(http.StatusInternalServerError, CodeInternal, "linnet doctor", "the token was not kept"))
		return
	}
	b, err := json.Marshal(token) //nolint:gosec // the tab is told its secret, once
	if err != nil {
		refuse(w, problem(http.StatusInternalServerError, CodeInternal, "", "the token was not written"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b)
}
