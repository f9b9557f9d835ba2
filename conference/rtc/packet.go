package rtc

import (
	"strings"
	"sync"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// Codec is what a packet holds.
type Codec uint8

// The codecs.
const (
	Opus Codec = 1 + iota
	VP8
	VP9
	H264
)

// Silent is the lowest level, in -dBov (RFC 6464).
const Silent = 127

// Packet is a media packet, without what only the way to one leg means: its SSRC and payload type.
type Packet struct {
	Codec     Codec
	Slot      int    // which stream of the leg; of packets from it, the how-manieth of its m-lines of this kind
	Layer     string // of simulcast: the RID
	Sequence  uint16
	Timestamp uint32 // 48 kHz for audio, 90 kHz for video
	Marker    bool
	Level     uint8 // of audio: 0 (loudest) to Silent, in -dBov, as the sender claims; Silent if it does not say
	Leveled   bool  // it does say
	Payload   []byte
}

func codecOf(mime string) Codec {
	switch {
	case strings.EqualFold(mime, webrtc.MimeTypeOpus):
		return Opus
	case strings.EqualFold(mime, webrtc.MimeTypeVP8):
		return VP8
	case strings.EqualFold(mime, webrtc.MimeTypeVP9):
		return VP9
	case strings.EqualFold(mime, webrtc.MimeTypeH264):
		return H264
	default:
		return 0
	}
}

// extension finds the payload of a one- or two-byte header extension without allocating.
func level(h *rtp.Header, id uint8) (uint8, bool) {
	if id == 0 || !h.Extension {
		return Silent, false
	}
	b := h.GetExtension(id)
	if len(b) == 0 {
		return Silent, false
	}
	return b[0] & 0x7f, true
}

// slot is a stream to a leg: pion's TrackLocal, which remembers how to write once it is bound.
type slot struct {
	id   string
	kind webrtc.RTPCodecType

	mu     sync.Mutex
	bound  string // by which context
	w      webrtc.TrackLocalWriter
	ssrc   uint32
	types  map[Codec]uint8 // payload types
	level  uint8           // extension ID, 0: not negotiated
	header rtp.Header
	ext    [1]byte
}

func (s *slot) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.types = map[Codec]uint8{}
	var first webrtc.RTPCodecParameters
	for _, p := range c.CodecParameters() {
		codec := codecOf(p.MimeType)
		if codec == 0 {
			continue
		}
		if _, ok := s.types[codec]; !ok {
			s.types[codec] = uint8(p.PayloadType)
		}
		if first.MimeType == "" {
			first = p
		}
	}
	if first.MimeType == "" {
		return first, webrtc.ErrUnsupportedCodec
	}
	s.bound, s.w, s.ssrc = c.ID(), c.WriteStream(), uint32(c.SSRC())
	for _, x := range c.HeaderExtensions() {
		if x.URI == levelURI {
			s.level = uint8(x.ID)
		}
	}
	return first, nil
}

func (s *slot) Unbind(c webrtc.TrackLocalContext) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bound == c.ID() {
		s.w = nil
	}
	return nil
}

func (s *slot) ID() string                { return s.id }
func (s *slot) RID() string               { return "" }
func (s *slot) StreamID() string          { return "linnet" }
func (s *slot) Kind() webrtc.RTPCodecType { return s.kind }

// write sends a packet; what the leg cannot take is passed over.
func (s *slot) write(p *Packet) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pt, ok := s.types[p.Codec]
	if s.w == nil || !ok {
		return 0, nil
	}
	h := &s.header
	extensions := h.Extensions[:0]
	*h = rtp.Header{
		Version: 2, Marker: p.Marker, PayloadType: pt, SequenceNumber: p.Sequence, Timestamp: p.Timestamp, SSRC: s.ssrc,
		Extensions: extensions,
	}
	if s.level != 0 && p.Leveled {
		s.ext[0] = p.Level & 0x7f
		if err := h.SetExtension(s.level, s.ext[:]); err != nil {
			return 0, err
		}
	}
	return s.w.WriteRTP(h, p.Payload)
}
