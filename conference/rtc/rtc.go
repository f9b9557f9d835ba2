// Package rtc is the room that knows pion: media packets between a leg and the network.
//
// An Endpoint is a UDP and a TCP port that all legs of a process share; a Leg is one PeerConnection: it brings the packets of
// one participant, and takes those that are for it. What comes from outside is small and checked before pion sees it
// (offer.go), and a leg that floods, does not read, or of which nothing comes, is dropped with a reason.
//
//	endpoint (Lite: a mixer)          client
//	  Answer(offer) ◀──────────────── Offer
//	          ─────────────────────▶  leg.Accept(answer)
//	  leg.Again(offer) ◀───────────── leg.Restart            after a change of network
//
// Media: Opus with in-band FEC and DTX, and VP8, VP9 and H.264 as they come, with simulcast; SRTP with AES-GCM (AES-CM for
// those who do not know it); the speaker's level beside each packet (RFC 6464); RTCP; one data channel. No mDNS: a mixer has
// nothing to resolve, and a client that hides its address behind a name would only be found by those beside it.
package rtc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/logging"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
)

var (
	// ErrOffer says that an offer or answer is malformed, or asks for too much.
	ErrOffer = errors.New("rtc: invalid description")
	// ErrClosed says that a leg was closed by its owner, or the endpoint was.
	ErrClosed = errors.New("rtc: closed")
	// ErrFailed says that media could not flow, or stopped for good.
	ErrFailed = errors.New("rtc: no connection")
	// ErrFlood says that a leg sent more than anybody needs to.
	ErrFlood = errors.New("rtc: flood")
	// ErrSlow says that a leg does not read what is for it.
	ErrSlow = errors.New("rtc: does not read")
	// ErrFull says that the endpoint has as many legs as it may.
	ErrFull = errors.New("rtc: full")
)

// Config says what an endpoint is. The zero value is a client's.
type Config struct {
	// Port is that of UDP, on all interfaces, for all legs. 0 means one free port for all if Lite, and otherwise free ports as
	// pion likes them.
	Port uint16
	// TCP has the endpoint take ICE-TCP as well, on the same port number, for those whose network has no UDP.
	TCP bool
	// Lite is for nodes with public addresses: they answer, and never send anything to an address that an offer names before
	// that address has proved itself (RFC 8445, section 2.5).
	Lite bool
	// Public are addresses that others should use instead of those that this machine sees: behind a 1:1 NAT.
	Public []netip.Addr
	// Loopback adds loopback addresses: for what talks to itself, and for tests.
	Loopback bool
	// Only loopback: no other address is bound or told.
	LoopbackOnly bool
	// Servers are STUN and TURN servers.
	Servers []Server
	// Silence is how long nothing may come before a leg counts as down. 0 means 1 s for clients, since another mixer may be
	// waiting, and 5 s if Lite.
	Silence time.Duration
	// Patience is how long a leg may take to come up, and may be down. 0 means 30 s.
	Patience time.Duration
	// Legs is the most that there may be at once. 0 means 1000.
	Legs int
	// Log gets what pion says at Debug. Nil means none.
	Log *slog.Logger
}

// Server is a STUN or TURN server.
type Server struct {
	URL        string // "turn:192.0.2.1:3478"
	User, Pass string
}

// Endpoint is where legs end. All its methods may be called by several goroutines at once.
type Endpoint struct {
	cfg     Config
	api     *webrtc.API // of legs with video
	voice   *webrtc.API // of those without: one that asks for lost packets wakes ten times a second
	cert    webrtc.Certificate
	print   [sha256.Size]byte
	udp     ice.UDPMux
	tcp     ice.TCPMux
	port    uint16
	sockets *port // of udp

	mu     sync.Mutex
	legs   map[*Leg]bool
	closed bool
	work   sync.WaitGroup
}

// Sizes of what pion may buffer.
const (
	socketBuffer = 4 << 20   // bytes of a UDP socket: 5 000 packets a second arrive in bursts
	tcpBuffer    = 128 << 10 // bytes that wait for a TCP leg, some 40 s of a voice; what comes then is dropped
	messageSize  = 16 << 10  // bytes of a data-channel message
	queueSize    = 64 << 10  // bytes that may wait for a leg on its data channel
)

// Listen binds the ports of an endpoint and makes its certificate, which lives as long as the endpoint. It must be closed.
func Listen(cfg Config) (*Endpoint, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Patience == 0 {
		cfg.Patience = 30 * time.Second
	}
	if cfg.Legs == 0 {
		cfg.Legs = 1000
	}
	if cfg.Silence == 0 {
		cfg.Silence = time.Second
		if cfg.Lite {
			cfg.Silence = 5 * time.Second
		}
	}
	e := &Endpoint{cfg: cfg, legs: make(map[*Leg]bool), sockets: new(port)}
	if err := e.certify(); err != nil {
		return nil, err
	}
	settings, err := e.settings()
	if err != nil {
		return nil, err
	}
	for api, resends := range map[**webrtc.API]bool{&e.api: true, &e.voice: false} {
		media, registry, err := engine(resends)
		if err != nil {
			e.closePorts()
			return nil, err
		}
		*api = webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	}
	return e, nil
}

// certify makes the certificate: a key that nobody knows, and nothing else, since its fingerprint is what counts.
func (e *Endpoint) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a certificate: %w", err)
	}
	cert, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return fmt.Errorf("making a certificate: %w", err)
	}
	e.cert = *cert
	prints, err := cert.GetFingerprints()
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	for _, p := range prints {
		b, err := hex.DecodeString(strings.ReplaceAll(p.Value, ":", ""))
		if strings.EqualFold(p.Algorithm, "sha-256") && err == nil && len(b) == len(e.print) {
			copy(e.print[:], b)
			return nil
		}
	}
	return errors.New("rtc: the certificate has no fingerprint")
}

func (e *Endpoint) settings() (webrtc.SettingEngine, error) {
	s := webrtc.SettingEngine{LoggerFactory: logs{e.cfg.Log}}
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	s.SetICETimeouts(e.cfg.Silence, e.cfg.Patience, max(e.cfg.Silence/4, 200*time.Millisecond))
	s.SetIncludeLoopbackCandidate(e.cfg.Loopback || e.cfg.LoopbackOnly)
	s.SetSCTPMaxMessageSize(messageSize)
	s.SetSCTPMaxReceiveBufferSize(4 * messageSize)
	s.SetHostAcceptanceMinWait(0)
	s.SetPrflxAcceptanceMinWait(0)
	if err := s.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return s, err
	}
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if e.cfg.TCP || !e.cfg.Lite {
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	s.SetNetworkTypes(networks)
	keep := func(ip net.IP) bool { return !e.cfg.LoopbackOnly || ip.IsLoopback() }
	s.SetIPFilter(keep)
	if len(e.cfg.Public) > 0 {
		var public []string
		for _, a := range e.cfg.Public {
			public = append(public, a.String())
		}
		if err := s.SetICEAddressRewriteRules(webrtc.ICEAddressRewriteRule{External: public, AsCandidateType: webrtc.ICECandidateTypeHost}); err != nil {
			return s, fmt.Errorf("public addresses: %w", err)
		}
	}
	if e.cfg.Lite {
		s.SetLite(true)
		if err := e.bind(keep); err != nil {
			return s, err
		}
		s.SetICEUDPMux(e.udp)
		if e.tcp != nil {
			s.SetICETCPMux(e.tcp)
		}
	}
	return s, nil
}

// bind binds one port on all addresses, for UDP and if so configured for TCP.
func (e *Endpoint) bind(keep func(net.IP) bool) error {
	var err error
	for range 8 { // a free port may be taken in between
		port := e.cfg.Port
		if port == 0 {
			if port, err = freePort(); err != nil {
				return err
			}
		}
		if err = e.bindPort(port, keep); err == nil {
			e.port = port
			return nil
		}
		e.closePorts()
		if e.cfg.Port != 0 {
			break
		}
	}
	return fmt.Errorf("binding the media port: %w", err)
}

func (e *Endpoint) bindPort(port uint16, keep func(net.IP) bool) error {
	system, err := stdnet.NewNet()
	if err != nil {
		return fmt.Errorf("looking at the network: %w", err)
	}
	options := []ice.UDPMuxFromPortOption{
		ice.UDPMuxFromPortWithNet(network{system, e.sockets}),
		ice.UDPMuxFromPortWithReadBufferSize(socketBuffer), ice.UDPMuxFromPortWithWriteBufferSize(socketBuffer),
		ice.UDPMuxFromPortWithIPFilter(keep), ice.UDPMuxFromPortWithLogger(logs{e.cfg.Log}.NewLogger("ice")),
	}
	if e.cfg.Loopback || e.cfg.LoopbackOnly {
		options = append(options, ice.UDPMuxFromPortWithLoopback())
	}
	udp, err := ice.NewMultiUDPMuxFromPort(int(port), options...)
	if err != nil {
		return err
	}
	e.udp = udp
	if !e.cfg.TCP {
		return nil
	}
	address := net.TCPAddr{Port: int(port)}
	if e.cfg.LoopbackOnly {
		address.IP = net.IPv4(127, 0, 0, 1)
	}
	l, err := net.ListenTCP("tcp", &address)
	if err != nil {
		return err
	}
	e.tcp = ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: l, Logger: logs{e.cfg.Log}.NewLogger("ice"), ReadBufferSize: 32, WriteBufferSize: tcpBuffer,
		FirstStunBindTimeout: 5 * time.Second, AliveDurationForConnFromStun: 5 * time.Second,
	})
	return nil
}

func freePort() (uint16, error) {
	c, err := net.ListenUDP("udp", nil)
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	defer c.Close()
	return uint16(c.LocalAddr().(*net.UDPAddr).Port), nil
}

func (e *Endpoint) closePorts() {
	if e.udp != nil {
		_ = e.udp.Close()
		e.udp = nil
	}
	e.sockets.forget()
	if e.tcp != nil {
		_ = e.tcp.Close()
		e.tcp = nil
	}
}

// Port returns the port that all legs share, 0 if there is none.
func (e *Endpoint) Port() uint16 { return e.port }

// Traffic returns what went through that port over UDP so far.
func (e *Endpoint) Traffic() Traffic { return e.sockets.meter.read() }

// Fingerprint returns the SHA-256 of the certificate of all legs.
func (e *Endpoint) Fingerprint() [sha256.Size]byte { return e.print }

// Legs returns how many legs there are.
func (e *Endpoint) Legs() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.legs)
}

// Hold has packets to legs wait for the call of what it returns, which then sends them together. Between the two should lie
// no more than a few milliseconds.
func (e *Endpoint) Hold() (send func()) {
	e.sockets.hold()
	return e.sockets.flush
}

// Close closes all legs and waits until nothing of them is left.
func (e *Endpoint) Close() error {
	e.mu.Lock()
	e.closed = true
	for l := range e.legs {
		l.end(ErrClosed)
	}
	e.mu.Unlock()
	e.work.Wait()
	e.closePorts()
	return nil
}

// Wait waits until ctx ends or no leg is left.
func (e *Endpoint) Wait(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		e.work.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// engine is what legs speak; resends has lost packets asked for and sent again, which is for video.
func engine(resends bool) (*webrtc.MediaEngine, *interceptor.Registry, error) {
	media, registry := new(webrtc.MediaEngine), new(interceptor.Registry)
	var errs []error
	for _, c := range codecs {
		kind := webrtc.RTPCodecTypeVideo
		if c.MimeType == webrtc.MimeTypeOpus {
			kind = webrtc.RTPCodecTypeAudio
		}
		errs = append(errs, media.RegisterCodec(c, kind))
	}
	errs = append(errs,
		media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: levelURI}, webrtc.RTPCodecTypeAudio),
		webrtc.ConfigureSimulcastExtensionHeaders(media),
		webrtc.ConfigureRTCPReportsWithOptions(registry, []report.ReceiverOption{report.ReceiverInterval(reports)}, report.SenderInterval(reports)),
	)
	if resends {
		errs = append(errs, webrtc.ConfigureNack(media, registry))
	}
	return media, registry, errors.Join(errs...)
}

// reports is how often a stream is reported about: RFC 3550's five seconds, since nobody steers by it.
const reports = 5 * time.Second

// levelURI names the header extension of RFC 6464.
const levelURI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

// codecs are what is spoken. Opus is coded and decoded by others of ours; video is only carried.
var codecs = []webrtc.RTPCodecParameters{
	{RTPCodecCapability: opus, PayloadType: 111},
	video(webrtc.MimeTypeVP8, "", 96), resend(96, 97),
	video(webrtc.MimeTypeVP9, "profile-id=0", 98), resend(98, 99),
	video(webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", 102), resend(102, 103),
}

var opus = webrtc.RTPCodecCapability{
	MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
	SDPFmtpLine: "minptime=10;useinbandfec=1;usedtx=1;stereo=0;sprop-stereo=0;maxaveragebitrate=24000",
}

func video(mime, line string, pt webrtc.PayloadType) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: mime, ClockRate: 90000, SDPFmtpLine: line,
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}},
		},
		PayloadType: pt,
	}
}

func resend(of, pt webrtc.PayloadType) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", of),
		},
		PayloadType: pt,
	}
}

// logs has pion's words at Debug, whatever it thinks of them.
type logs struct{ log *slog.Logger }

type scoped struct {
	log   *slog.Logger
	scope string
}

func (l logs) NewLogger(scope string) logging.LeveledLogger { return scoped{l.log, scope} }

func (s scoped) say(msg string) { s.log.Debug("pion", "scope", s.scope, "text", msg) }
func (s scoped) sayf(f string, args []any) {
	if s.log.Enabled(context.Background(), slog.LevelDebug) {
		s.say(fmt.Sprintf(f, args...))
	}
}
func (s scoped) Trace(string)                 {}
func (s scoped) Tracef(string, ...any)        {}
func (s scoped) Debug(msg string)             { s.say(msg) }
func (s scoped) Debugf(f string, args ...any) { s.sayf(f, args) }
func (s scoped) Info(msg string)              { s.say(msg) }
func (s scoped) Infof(f string, args ...any)  { s.sayf(f, args) }
func (s scoped) Warn(msg string)              { s.say(msg) }
func (s scoped) Warnf(f string, args ...any)  { s.sayf(f, args) }
func (s scoped) Error(msg string)             { s.say(msg) }
func (s scoped) Errorf(f string, args ...any) { s.sayf(f, args) }
