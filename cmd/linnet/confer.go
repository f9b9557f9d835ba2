package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/linnetmesh/linnet/conference"
	"github.com/linnetmesh/linnet/conference/headless"
	"github.com/linnetmesh/linnet/conference/hearing"
	"github.com/linnetmesh/linnet/conference/opus"
	"github.com/linnetmesh/linnet/conference/room"
	"github.com/linnetmesh/linnet/conference/rtc"
	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/p2p"
)

// The conference of the demo.
const (
	callTurn   = 1600 * time.Millisecond // how long each speaks
	callPause  = 400 * time.Millisecond  // until the last of it was heard
	callTries  = 4                       // of a turn: a machine that is busy stutters
	understood = 0.75                    // the likeness above which speech is well understood
	callHead   = 20 + 8 + 20 + 16        // bytes of a packet besides the sound: IPv4, UDP, RTP with the level, the tag of SRTP
)

// callers are who is in it. Those who are not in the rest of the demo come as guests.
var callers = []string{"Ada", "Ben", "Cleo", "Dan", "Eve"}

// caller is somebody in the conference.
type caller struct {
	name  string
	voice []float32 // at 48 kHz, said again and again
	media *rtc.Endpoint
	seat  *headless.Participant
}

// call is a conference while it goes on.
type call struct {
	callers []*caller
	house   *room.House
	hosts   []*p2p.Host // of the mixer, and of guests

	end   context.CancelFunc
	group errgroup.Group
}

// confer has five people talk, one after the other, in a room of a mixer, and measures who understood whom.
func (d *demo) confer(ctx context.Context) (err error) {
	voices, whose := d.voices(ctx)
	began := time.Now()
	c, err := d.call(ctx, voices)
	defer func() { err = errors.Join(err, c.close()) }()
	if err != nil {
		return fmt.Errorf("calling: %w", err)
	}
	d.print.say(line{
		Event: "call", Who: "Ada calls", Count: len(callers), Took: took(began),
		What: fmt.Sprintf("%d in a room at a mixer, %s", len(callers), whose),
	})
	began = time.Now()
	before := c.traffic()
	for _, speaker := range c.callers {
		delay, err := c.turn(ctx, speaker)
		if err != nil {
			return err
		}
		d.print.say(line{
			Event: "heard", Who: speaker.name + " speaks", What: "understood by " + strings.Join(c.others(speaker), ", "),
			Count: len(c.callers) - 1, Took: inMillis(delay),
		})
	}
	minutes := time.Since(began).Minutes()
	for i, now := range c.traffic() {
		up := now.SentBytes - before[i].SentBytes + callHead*(now.SentPackets-before[i].SentPackets)
		down := now.HeardBytes - before[i].HeardBytes + callHead*(now.HeardPackets-before[i].HeardPackets)
		d.print.say(line{
			Event: "traffic", Who: c.callers[i].name, Bytes: int(up + down), Also: true,
			What: fmt.Sprintf("%.2f MB a minute up, %.2f down", float64(up)/1e6/minutes, float64(down)/1e6/minutes),
		})
	}
	return nil
}

// voices returns what the callers say: by espeak-ng, where it is installed and works, and else by what is bundled.
func (d *demo) voices(ctx context.Context) (voices [][]float32, whose string) {
	for i, name := range callers {
		file := filepath.Join(d.folder, name+".wav")
		text := fmt.Sprintf("Hello, this is %s. Can you all hear me? I hear you well, and so does the mixer.", name)
		variant := "en+" + []string{"f2", "m3", "f4", "m1", "f5"}[i]
		if exec.CommandContext(ctx, "espeak-ng", "-v", variant, "-w", file, text).Run() != nil {
			break
		}
		voice, err := headless.ReadFile(file)
		if err != nil || len(voice) == 0 {
			break
		}
		voices = append(voices, voice)
	}
	if len(voices) == len(callers) {
		return voices, "by espeak-ng"
	}
	voices = nil
	for i := range callers {
		voice := hearing.Speech(i % hearing.Voices)
		half := len(voice) / 2 * (i / hearing.Voices) // who has a voice the second time says something else
		voices = append(voices, slices.Concat(voice[half:], voice[:half]))
	}
	return voices, "by bundled voices"
}

// call opens a room at a mixer, and has all enter it. It must be closed, also after an error.
func (d *demo) call(ctx context.Context, voices [][]float32) (*call, error) {
	c := new(call)
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	c.end = end
	ada := d.people[0]
	house, err := room.NewHouse(room.HouseConfig{Allow: []node.TransportKey{ada.Host.Key()}, LoopbackOnly: true, NoTCP: true}) //nolint:contextcheck // rooms end with their house
	if err != nil {
		return c, fmt.Errorf("the mixer's rooms: %w", err)
	}
	c.house = house
	at, err := c.host(life, p2p.Mixer)
	if err != nil {
		return c, err
	}
	at.Lane(p2p.Conference).Handle(house.ServeLane)

	mixer := conference.Mixer{Key: at.Key(), Addrs: at.Addrs()}
	o := conference.Opening{Room: conference.NewRoomID(), Mode: conference.Mixed, Owner: conference.NewJoinKey().Hash()}
	keys := make([]conference.JoinKey, len(callers))
	for i := range keys {
		keys[i] = conference.NewJoinKey()
		o.Keys = append(o.Keys, keys[i].Hash())
	}
	if err := conference.OpenRoom(ctx, ada.Host.Lane(p2p.Conference), mixer, o); err != nil {
		return c, fmt.Errorf("opening a room: %w", err)
	}
	up := make(chan struct{}, len(callers))
	for i, name := range callers {
		var host *p2p.Host
		if i < len(d.people) {
			host = d.people[i].Host
		} else if host, err = c.host(life, p2p.Desktop); err != nil {
			return c, err
		}
		media, err := rtc.Listen(rtc.Config{LoopbackOnly: true})
		if err != nil {
			return c, fmt.Errorf("%s's media: %w", name, err)
		}
		var once sync.Once
		seat := headless.New(headless.Config{
			Endpoint: media, Way: headless.ByLane{Lane: host.Lane(p2p.Conference), Mixer: mixer, Room: o.Room, Key: keys[i]},
			Play: voices[i], Loop: true, Record: true, Up: func(bool) { once.Do(func() { up <- struct{}{} }) },
		})
		seat.Mute(true)
		c.callers = append(c.callers, &caller{name, voices[i], media, seat})
		c.group.Go(func() error { return seat.Run(life) })
	}
	for range callers {
		select {
		case <-up:
		case <-ctx.Done():
			return c, fmt.Errorf("not all came into the room: %w", context.Cause(ctx))
		}
	}
	return c, nil
}

// host opens and runs a host of the call.
func (c *call) host(life context.Context, role p2p.Role) (*p2p.Host, error) {
	h, err := p2p.New(onLoopback(p2p.Config{Role: role}))
	if err != nil {
		return nil, fmt.Errorf("opening the network of a %v: %w", role, err)
	}
	c.hosts = append(c.hosts, h)
	c.group.Go(func() error { return h.Run(life) })
	return h, nil
}

// turn has one of them speak, and returns how long it took from mouth to ear, in the median. The error is that somebody did
// not understand it.
func (c *call) turn(ctx context.Context, speaker *caller) (delay time.Duration, err error) {
	for range callTries {
		if delay, err = c.tryTurn(ctx, speaker); err == nil || ctx.Err() != nil {
			return delay, err
		}
	}
	return delay, err
}

func (c *call) tryTurn(ctx context.Context, speaker *caller) (time.Duration, error) {
	heard := make([]int, len(c.callers)) // by each, when it began
	for i, l := range c.callers {
		_, heard[i] = l.seat.Clock()
	}
	played, _ := speaker.seat.Clock()
	speaker.seat.Mute(false)
	err := wait(ctx, callTurn)
	speaker.seat.Mute(true)
	if err = errors.Join(err, wait(ctx, callPause)); err != nil {
		return 0, fmt.Errorf("%s speaks: %w", speaker.name, err)
	}
	turn, late := samples(callTurn), samples(callPause)
	said := make([]float32, turn)
	for i := range said {
		said[i] = speaker.voice[(played+i)%len(speaker.voice)]
	}
	var delays []time.Duration
	for i, l := range c.callers {
		if l == speaker {
			continue
		}
		likeness, later := hearing.Likeness(said, l.seat.Heard(heard[i]), late)
		if likeness < understood {
			return 0, fmt.Errorf("%s did not understand %s: likeness %.2f of %.2f; much else to do for this machine? --brief leaves the call out",
				l.name, speaker.name, likeness, understood)
		}
		delays = append(delays, time.Duration(later)*time.Second/opus.Rate)
	}
	slices.Sort(delays)
	return delays[len(delays)/2], nil
}

// samples is how many samples of sound so much time has.
func samples(d time.Duration) int { return int(d * opus.Rate / time.Second) }

// wait lets time pass. The error is why ctx ended.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// others are the names of all but one.
func (c *call) others(but *caller) (names []string) {
	for _, l := range c.callers {
		if l != but {
			names = append(names, l.name)
		}
	}
	return names
}

// traffic is what each sent and got so far.
func (c *call) traffic() (all []rtc.Counts) {
	for _, l := range c.callers {
		now, _ := l.seat.Counts()
		all = append(all, now)
	}
	return all
}

// close ends the call, and waits until nothing of it is left.
func (c *call) close() error {
	if c == nil {
		return nil
	}
	c.end()
	err := c.group.Wait()
	for _, l := range c.callers {
		err = errors.Join(err, l.media.Close())
	}
	if c.house != nil {
		err = errors.Join(err, c.house.Close())
	}
	for _, h := range c.hosts {
		err = errors.Join(err, h.Close())
	}
	return err
}
