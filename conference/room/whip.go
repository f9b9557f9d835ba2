package room

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/linnetmesh/linnet/conference"
	"github.com/linnetmesh/linnet/conference/rtc"
)

// Handler serves POST /rooms/{room}/legs and DELETE of what it made, in the shape of WHIP (RFC 9725): one offer, one answer,
// a bearer token. It takes calls from pages of any origin: no cookie opens anything here.
func (h *House) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /rooms/{room}/legs", h.postLeg)
	mux.HandleFunc("DELETE /rooms/{room}/legs/{leg}", h.deleteLeg)
	mux.HandleFunc("OPTIONS /rooms/{room}/legs", preflight("POST, OPTIONS"))
	mux.HandleFunc("OPTIONS /rooms/{room}/legs/{leg}", preflight("DELETE, OPTIONS"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Expose-Headers", "Location")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

func preflight(methods string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Methods", methods)
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		w.Header().Set("Access-Control-Max-Age", "3600")
		w.Header().Set("Accept-Post", "application/sdp")
		w.WriteHeader(http.StatusNoContent)
	}
}

// bearer returns the hall that the caller may enter, and otherwise answers 401: alike whether there is such a room or not.
func (h *House) bearer(w http.ResponseWriter, r *http.Request) (*hall, conference.KeyHash) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		if a, key := h.opens(r.PathValue("room"), strings.TrimSpace(token)); a != nil {
			return a, key
		}
	}
	h.refuse(conference.ErrNoKey)
	w.Header().Set("WWW-Authenticate", `Bearer realm="linnet mixer"`)
	http.Error(w, "no such room, or no such key", http.StatusUnauthorized)
	return nil, conference.KeyHash{}
}

func (h *House) postLeg(w http.ResponseWriter, r *http.Request) {
	hall, key := h.bearer(w, r)
	if hall == nil {
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/sdp" {
		http.Error(w, "send an SDP offer as application/sdp", http.StatusUnsupportedMediaType)
		return
	}
	offer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, conference.SDPSize))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			http.Error(w, fmt.Sprintf("an offer has at most %d bytes", conference.SDPSize), http.StatusRequestEntityTooLarge)
		}
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	seat, answer, err := h.join(ctx, hall, key, string(offer))
	if err != nil {
		h.refuse(err)
		status := http.StatusBadRequest
		if refusal := refusalOf(err); refusal == conference.ErrFull || refusal == conference.ErrClosing {
			status = http.StatusServiceUnavailable
			w.Header().Set("Retry-After", "5")
		}
		http.Error(w, refusalOf(err).Word(), status)
		return
	}
	w.Header().Set("Location", "/rooms/"+hall.name+"/legs/"+hex.EncodeToString(seat.name[:]))
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) //nolint:gosec // an SDP that pion made, as application/sdp and nosniff
}

func (h *House) deleteLeg(w http.ResponseWriter, r *http.Request) {
	hall, key := h.bearer(w, r)
	if hall == nil {
		return
	}
	name, err := hex.DecodeString(r.PathValue("leg"))
	var leg *rtc.Leg
	h.mu.Lock()
	for _, s := range hall.seats {
		if err == nil && string(s.name[:]) == string(name) && s.key == key {
			leg = s.leg
		}
	}
	h.mu.Unlock()
	if leg == nil {
		http.Error(w, "no such leg", http.StatusNotFound)
		return
	}
	_ = leg.Close()
	w.WriteHeader(http.StatusNoContent)
}
