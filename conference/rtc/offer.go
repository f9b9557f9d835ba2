package rtc

import (
	"fmt"
	"strings"
)

// Limits of a description. A browser's with video and simulcast has some 250 lines, in 7 KiB.
const (
	maxSDP        = 16 << 10 // bytes
	maxLines      = 600
	maxLine       = 1 << 10 // bytes
	maxMedia      = 10      // m= lines: 4 of audio, 4 of video, our own video, data
	maxCandidates = 40
	maxCandidate  = 256 // bytes
	maxSlots      = 4   // of a kind
)

// checkSDP holds a description from outside to the limits before pion's parser, which is generous, reads it.
func checkSDP(sdp string) error {
	bad := func(f string, args ...any) error { return fmt.Errorf("%w: "+f, append([]any{ErrOffer}, args...)...) }
	if len(sdp) > maxSDP {
		return bad("%d bytes", len(sdp))
	}
	if !strings.HasPrefix(sdp, "v=0") {
		return bad("no SDP")
	}
	lines, media, audio, video, data, candidates := 0, 0, 0, 0, 0, 0
	for line := range strings.Lines(sdp) {
		line = strings.TrimRight(line, "\r\n")
		lines++
		switch {
		case lines > maxLines:
			return bad("too many lines")
		case len(line) > maxLine:
			return bad("a line of %d bytes", len(line))
		case strings.HasPrefix(line, "m="):
			media++
			switch {
			case strings.HasPrefix(line, "m=audio "):
				audio++
			case strings.HasPrefix(line, "m=video "):
				video++
			case strings.HasPrefix(line, "m=application "):
				data++
			default:
				return bad("media of another kind")
			}
		case strings.HasPrefix(line, "a=candidate:"):
			candidates++
			if len(line) > maxCandidate {
				return bad("a candidate of %d bytes", len(line))
			}
		}
	}
	if media > maxMedia || audio > maxSlots || video > maxSlots+1 || data > 1 || candidates > maxCandidates {
		return bad("%d audio, %d video, %d data, %d candidates", audio, video, data, candidates)
	}
	if media == 0 {
		return bad("no media")
	}
	return nil
}

// withoutCandidates takes the candidates out of an offer: a Lite endpoint answers where it is asked from, and has no use for
// addresses that somebody claims.
func withoutCandidates(sdp string) string {
	var b strings.Builder
	for line := range strings.Lines(sdp) {
		if !strings.HasPrefix(line, "a=candidate:") && !strings.HasPrefix(line, "a=end-of-candidates") &&
			!strings.HasPrefix(line, "a=remote-candidates") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// guarded has what panics inside of pion come out as ErrOffer: its parser of strangers' text is large.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrOffer, p)
		}
	}()
	return f()
}
