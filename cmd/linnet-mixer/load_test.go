package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/conference/headless"
	"github.com/linnetmesh/linnet/conference/hearing"
	"github.com/linnetmesh/linnet/conference/mixer"
	"github.com/linnetmesh/linnet/conference/opus"
	"github.com/linnetmesh/linnet/conference/rtc"
)

// TestMain is the mixer itself when BenchmarkLoad runs this program again to have it in a process of its own.
func TestMain(m *testing.M) {
	if file := os.Getenv("LINNET_LOAD_CONFIG"); file != "" {
		os.Exit(child(file))
	}
	os.Exit(m.Run())
}

func child(config string) int {
	if name := os.Getenv("LINNET_LOAD_PROFILE"); name != "" {
		f, err := os.Create(name)
		if err != nil || pprof.StartCPUProfile(f) != nil {
			return 1
		}
		defer f.Close()
		defer pprof.StopCPUProfile()
	}
	return run([]string{"--config", config}, os.Stdout, os.Stderr)
}

// BenchmarkLoad is a mixer in a process of its own under legs of real speech, and what it takes of processor, line, time and
// memory. An op is a beat of 20 ms. LOAD.md has the table, and the command that made it. These change it:
//
//	LINNET_LOAD_NICE      the nice value of the mixer's process alone
//	LINNET_LOAD_PROFILE   a folder for CPU profiles of that process
func BenchmarkLoad(b *testing.B) { tabulate(b, startOwn) }

// tabulate loads a bridge with 5 to 100 legs, of whom all, three and one talk, and prints a table.
func tabulate(b *testing.B, start func(b *testing.B, n int) bridge) {
	b.Helper()
	rows := []string{"| talk | legs | CPU s/min | up, down MB/min | added delay ms, p50 p95 | KiB a leg | marks heard |", "|---|---|---|---|---|---|---|"}
	for _, talk := range []string{"all", "three", "one"} {
		for _, n := range []int{5, 10, 25, 50, 100} {
			b.Run(fmt.Sprintf("%s/%d", talk, n), func(b *testing.B) {
				c := load(b, start, n, map[string]int{"all": n, "three": 3, "one": 1}[talk])
				rows = append(rows, fmt.Sprintf("| %s | %d | %.1f | %.2f, %.2f | %.0f, %.0f | %.0f | %d of %d |",
					talk, n, c.cpu, c.up, c.down, c.p50, c.p95, c.memory, c.heard, c.marks))
				b.ReportMetric(c.cpu, "CPU-s/min")
				b.ReportMetric(c.up, "MB/min-up")
				b.ReportMetric(c.down, "MB/min-down")
				b.ReportMetric(c.p50, "ms-p50")
				b.ReportMetric(c.p95, "ms-p95")
				b.ReportMetric(c.memory, "KiB/leg")
			})
		}
	}
	fmt.Fprintln(os.Stdout, strings.Join(rows, "\n"))
}

// cost is what a load was found to take.
type cost struct {
	cpu          float64 // seconds of the process a minute
	up, down     float64 // MB a minute and leg, with IPv4 and UDP
	p50, p95     float64 // ms from a packet's way in to its sound's way out, beyond what the codec takes for itself
	memory       float64 // KiB a leg
	marks, heard int
}

// bridge is what mixes the legs of a load, in a process of its own.
type bridge struct {
	enter func(ctx context.Context, offer string) (answer string, err error)
	use   func() use
	local bool // legs come from the loopback address
}

// use is what a bridge took so far.
type use struct{ cpu, memory, bytesIn, packetsIn, bytesOut, packetsOut, legs float64 }

// load has n legs in a room, of whom some talk, while b runs.
func load(b *testing.B, start func(b *testing.B, n int) bridge, n, talking int) cost {
	b.Helper()
	at := start(b, n)
	empty := at.use()

	// The mixer is asked every 2.5 s whether it is there, as Chromium does.
	e, err := rtc.Listen(rtc.Config{LoopbackOnly: at.local, Silence: 10 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	legs := crowd(b, e, at.enter, n, talking)
	ctx, stop := context.WithCancel(b.Context())
	var talk sync.WaitGroup
	defer talk.Wait()
	defer stop()
	talk.Go(func() { speak(ctx, legs) })
	wait(3 * time.Second) // encoders are made, buffers find their measure

	for _, l := range legs {
		l.record.Store(true)
	}
	before, began := at.use(), time.Now()
	beat := time.NewTicker(20 * time.Millisecond)
	defer beat.Stop()
	for b.Loop() {
		<-beat.C
	}
	after, minutes := at.use(), time.Since(began).Minutes()
	stop()
	talk.Wait()

	const udp = 28 // bytes that IPv4 and UDP add to a packet
	each := func(bytes, packets float64) float64 { return (bytes + udp*packets) / 1e6 / minutes / float64(n) }
	c := cost{
		cpu:    (after.cpu - before.cpu) / minutes,
		up:     each(after.bytesIn-before.bytesIn, after.packetsIn-before.packetsIn),
		down:   each(after.bytesOut-before.bytesOut, after.packetsOut-before.packetsOut),
		memory: (after.memory - empty.memory) / 1024 / float64(n),
	}
	if after.legs != float64(n) {
		b.Errorf("%v legs are in, want %d", after.legs, n)
	}
	var delays []float64
	for _, l := range legs[1:min(n, 4)] {
		found, marks := delaysOf(b, legs[0], l)
		delays = append(delays, found...)
		c.marks += marks
	}
	c.heard = len(delays)
	slices.Sort(delays)
	if len(delays) > 0 {
		c.p50, c.p95 = delays[len(delays)/2], delays[len(delays)*95/100]
	}
	return c
}

// startOwn runs this package's mixer.
func startOwn(b *testing.B, n int) bridge {
	b.Helper()
	cfg := testConfig(b)
	cfg.Limits.Legs, cfg.Limits.RoomLegs = 2*n, n
	startChild(b, cfg)
	way := headless.ByHTTP{URL: "http://" + cfg.HTTP + "/rooms/lobby/legs", Bearer: token}
	return bridge{
		enter: func(ctx context.Context, offer string) (string, error) {
			_, answer, err := way.Enter(ctx, offer)
			return answer, err
		},
		use: func() use {
			s := scrape(b, cfg)
			udp := func(what, direction string) float64 {
				return s.value(`linnet_mixer_udp_` + what + `_total{direction="` + direction + `"}`)
			}
			return use{
				cpu: s.value("process_cpu_seconds_total"), memory: s.value("process_resident_memory_bytes"), legs: s.value("linnet_mixer_legs"),
				bytesIn: udp("bytes", "in"), packetsIn: udp("packets", "in"), bytesOut: udp("bytes", "out"), packetsOut: udp("packets", "out"),
			}
		},
		local: true,
	}
}

// startChild runs a mixer in another process until b ends.
func startChild(b *testing.B, cfg config) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), "mixer.toml")
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	fmt.Fprintf(f, "folder = %q\nhttp = %q\nmetrics = %q\nlocal = true\ngrace = \"100ms\"\nlisten = [\"/ip4/127.0.0.1/udp/0/quic-v1\"]\n"+
		"[media]\nport = 0\n[limits]\nlegs = %d\nroom_legs = %d\n[[room]]\nname = \"lobby\"\ntoken = %q\n",
		cfg.Folder, cfg.HTTP, cfg.Metrics, cfg.Limits.Legs, cfg.Limits.RoomLegs, token)
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	line := []string{self}
	if nice := os.Getenv("LINNET_LOAD_NICE"); nice != "" {
		line = []string{"nice", "-n", nice, self}
	}
	mixer := exec.CommandContext(b.Context(), line[0], line[1:]...)
	mixer.Env = append(os.Environ(), "LINNET_LOAD_CONFIG="+file)
	if dir := os.Getenv("LINNET_LOAD_PROFILE"); dir != "" {
		mixer.Env = append(mixer.Env, "LINNET_LOAD_PROFILE="+filepath.Join(dir, strings.ReplaceAll(b.Name(), "/", "-")+".pprof"))
	}
	mixer.Cancel = func() error { return mixer.Process.Signal(os.Interrupt) }
	mixer.WaitDelay = 20 * time.Second
	if err := mixer.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = mixer.Wait() }) // b.Context is over by then
	eventually(b, "health", func() bool {
		code, _ := get(b, "http://"+cfg.Metrics+"/healthz")
		return code == 200
	})
}

// scraped is what /metrics said.
type scraped string

func scrape(b *testing.B, cfg config) scraped {
	b.Helper()
	_, text := get(b, "http://"+cfg.Metrics+"/metrics")
	return scraped(text)
}

func (s scraped) value(name string) float64 {
	line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(string(s))
	if line == nil {
		return 0
	}
	v, _ := strconv.ParseFloat(line[1], 64)
	return v
}

func wait(d time.Duration) { <-time.After(d) }

// said is a voice as packets, with their levels.
type said struct {
	packets [][]byte
	levels  []uint8
}

// encode is a voice as a browser codes it: with FEC and DTX.
func encode(b *testing.B, pcm []float32) said {
	b.Helper()
	e, err := opus.NewEncoder(opus.Options{Complexity: 5, Loss: 10, DTX: true})
	if err != nil {
		b.Fatal(err)
	}
	var s said
	for at := 0; at+opus.Frame <= len(pcm); at += opus.Frame {
		p, err := e.Encode(nil, pcm[at:at+opus.Frame])
		if err != nil {
			b.Fatal(err)
		}
		s.packets, s.levels = append(s.packets, p), append(s.levels, mixer.Level(pcm[at:at+opus.Frame]))
	}
	return s
}

// voices are espeak-ng's, if it is there, and those of hearing.
var voices = sync.OnceValue(func() [][]float32 {
	var all [][]float32
	for i := range hearing.Voices {
		all = append(all, hearing.Speech(i))
	}
	espeak, err := exec.LookPath("espeak-ng")
	if err != nil {
		return all
	}
	dir, err := os.MkdirTemp("", "linnet-load")
	if err != nil {
		return all
	}
	defer os.RemoveAll(dir)
	for i, voice := range []string{"en-gb", "en-us+f3", "de", "fr+f2", "es"} {
		file := filepath.Join(dir, "voice.wav")
		text := "The quick brown fox jumps over the lazy dog, and " + strconv.Itoa(731*i+1204) + " others look on while it does so again and again."
		if exec.Command(espeak, "-v", voice, "-w", file, text).Run() != nil {
			continue
		}
		if pcm, err := headless.ReadFile(file); err == nil {
			all = append(all, pcm)
		}
	}
	return all
})

const (
	spread  = 24000 // samples between marks
	markLen = 4800
	few     = 6 // samples of which one is looked at
)

// mark is a chirp, which is found again to a fraction of a millisecond.
func mark() []float32 {
	m := make([]float32, markLen)
	for i := range m {
		t := float64(i) / opus.Rate
		window := math.Sin(math.Pi * float64(i) / markLen)
		m[i] = float32(0.35 * window * math.Sin(2*math.Pi*(600*t+(2200.0/2/0.1)*t*t)))
	}
	return m
}

// guest is a leg of the load.
type guest struct {
	leg      *rtc.Leg
	voice    said
	at       int // which packet is next
	sequence uint16
	time     uint32
	sent     []time.Time // of the first leg: when packet i of its voice, in all, was sent

	record atomic.Bool
	mu     sync.Mutex
	heard  []arrival
}

type arrival struct {
	at      time.Time
	time    uint32
	payload []byte
}

// crowd has n legs enter a room. The first so many talk; the first of all has marks in what it says.
func crowd(b *testing.B, e *rtc.Endpoint, enter func(context.Context, string) (string, error), n, talking int) []*guest {
	b.Helper()
	silence := encode(b, make([]float32, 10*opus.Rate))
	var spoken []said
	for _, v := range voices() {
		quieter := slices.Clone(v)
		if talking > 3 { // or nobody would be sure to hear the first
			for i := range quieter {
				quieter[i] *= 0.4
			}
		}
		spoken = append(spoken, encode(b, quieter))
	}
	marked := slices.Clone(hearing.Speech(0))
	marked = marked[:len(marked)/spread*spread]
	for at := 0; at < len(marked); at += spread {
		for i, v := range mark() {
			marked[at+i] += v
		}
	}
	var legs []*guest
	up := make(chan bool, 4*n)
	for i := range n {
		g := &guest{voice: silence, at: i * 37}
		switch {
		case i == 0:
			g.voice, g.at = encode(b, marked), 0
		case i < talking:
			g.voice = spoken[i%len(spoken)]
		}
		leg, offer, err := e.Offer(b.Context(), rtc.Shape{}, rtc.Ears{Packet: g.hear, Up: func(is bool) { up <- is }})
		if err != nil {
			b.Fatal(err)
		}
		answer, err := enter(b.Context(), offer)
		if err != nil {
			b.Fatal(err)
		}
		if err := leg.Accept(answer); err != nil {
			b.Fatal(err)
		}
		g.leg = leg
		legs = append(legs, g)
	}
	for range legs {
		select {
		case <-up:
		case <-time.After(60 * time.Second):
			b.Fatal("not all came in")
		}
	}
	return legs
}

func (g *guest) hear(p *rtc.Packet) {
	if !g.record.Load() {
		return
	}
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard = append(g.heard, arrival{now, p.Timestamp, slices.Clone(p.Payload)})
}

// speak sends the packets of all, each leg with a phase of its own, until ctx ends.
func speak(ctx context.Context, legs []*guest) {
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for round := 0; ; round++ {
		for i, g := range legs {
			at := began.Add(time.Duration(round)*20*time.Millisecond + time.Duration(i)*20*time.Millisecond/time.Duration(len(legs)))
			if d := time.Until(at); d > 500*time.Microsecond {
				timer.Reset(d)
				select {
				case <-ctx.Done():
					return
				case <-timer.C:
				}
			}
			g.say(i == 0)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

func (g *guest) say(remember bool) {
	k := g.at % len(g.voice.packets)
	packet := g.voice.packets[k]
	g.at++
	g.time += opus.Frame
	if remember {
		g.sent = append(g.sent, time.Now())
	}
	if len(packet) <= opus.Quiet {
		return
	}
	g.sequence++
	_ = g.leg.Write(&rtc.Packet{ // a leg that ended is noticed at the end
		Codec: rtc.Opus, Sequence: g.sequence, Timestamp: g.time, Level: g.voice.levels[k], Leveled: true, Payload: packet,
	})
}

// delaysOf finds the marks of who speaks in what another heard, and by how much later, in ms, each came than it would have
// without a mixer.
func delaysOf(b *testing.B, speaker, listener *guest) (delays []float64, marks int) {
	b.Helper()
	listener.mu.Lock()
	heard := listener.heard
	listener.mu.Unlock()
	if len(heard) < 2 {
		return nil, 0
	}
	slices.SortStableFunc(heard, func(a, b arrival) int { return int(int32(a.time - b.time)) })
	first, last := heard[0], heard[len(heard)-1]
	frames := int(last.time-first.time)/opus.Frame + 1
	pcm, came := make([]float32, frames*opus.Frame), make([]time.Time, frames)
	d, err := opus.NewDecoder()
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]float32, opus.MaxFrame)
	for _, a := range heard {
		at := int(a.time-first.time) / opus.Frame
		if n, err := d.Decode(a.payload, buf); err == nil && n == opus.Frame && at < frames {
			copy(pcm[at*opus.Frame:], buf[:n])
			came[at] = a.at
		}
	}
	sound, want := thin(pcm), thin(mark())
	const (
		within  = 450 * time.Millisecond
		ownWay  = float64(opus.Lookahead) * 1000 / opus.Rate
		likely  = 0.4
		perSpot = float64(few) * 1000 / opus.Rate // ms
	)
	for k := 0; k < len(speaker.sent); k += spread / opus.Frame {
		sent := speaker.sent[k]
		if sent.Before(first.at) || sent.Add(2*within).After(last.at) {
			continue
		}
		marks++
		best, delay := likely, 0.0
		for f := range came {
			if since := came[f].Sub(sent); came[f].IsZero() || since < 0 || since > within {
				continue
			}
			for s := range opus.Frame / few {
				at := f*opus.Frame/few + s
				if at+len(want) > len(sound) {
					break
				}
				if c := alike(want, sound[at:at+len(want)]); c > best {
					best, delay = c, float64(came[f].Sub(sent).Microseconds())/1000+float64(s)*perSpot-ownWay
				}
			}
		}
		if best > likely {
			delays = append(delays, delay)
		}
	}
	return delays, marks
}

// thin takes the mean of few samples for each few.
func thin(pcm []float32) []float32 {
	out := make([]float32, len(pcm)/few)
	for i := range out {
		for _, v := range pcm[i*few : (i+1)*few] {
			out[i] += v
		}
	}
	return out
}

// alike is the correlation of two pieces of sound, 1 if they are the same but for their loudness.
func alike(a, b []float32) float64 {
	var ab, aa, bb float64
	for i, v := range a {
		ab += float64(v) * float64(b[i])
		aa += float64(v) * float64(v)
		bb += float64(b[i]) * float64(b[i])
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
