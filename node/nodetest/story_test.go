package nodetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/linnetmesh/linnet/crypto/descriptor"
	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/frame"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// TestStories runs the scripts in testdata/stories, each in a world of its own. Names are of devices; a name also stands
// for the account of the device, and a message for what as= called it.
//
//	people ada ben …              befriend ada ben             link ada as=ada2          revoke ada ada2
//	invite ada as=i [for=1h] [standing]                        add ben invite=i          add ben address=ada
//	accept ada ben                block ada ben                unblock ada ben           contacts ada
//	send ada ben as=m [reply=m]   edit ada ben m               delete ada ben m          the text is the input
//	react ada ben m emoji=👍      read ben ada m …             typing ada ben [off]      heard ben
//	sees ada ben [count]          holds ada ben m              waits ada                 resets ada
//	missing ada ben               duplicates ada               reused                    say ada ben count=40
//	settle [within=2h]            wait for=10s
//	start ada                     stop ada                     crash ada                 crashat ada writes=3 [after]
//	copy ada as=c                 restore ada from=c           full ada [off]            clock ada ahead=87600h
//	move ada                      reachable ada [off]          partition a=(ada) b=(ben) heal
//	faults refuse=0.3 cut=0.3 echo=1 latency=50ms jitter=50ms  rollback [off]
//	call ada ben cleo … [busy]    answer ada                   hangup ada                voice ada mute hold hand
//	lose ada [ben] [for=3s]       phone ada                    calls ada                 (call_test.go)
//	swap bundle at=ada of=eve     swap descriptor at=ben for=ada of=eve
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/stories/*")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			// datadriven watches each command by the clock, which runs fast in a bubble: so commands are read first, and
			// their outcomes compared after.
			var script []datadriven.TestData
			datadriven.RunTest(t, file, func(_ *testing.T, d *datadriven.TestData) string {
				script = append(script, *d)
				return d.Expected
			})
			var told []string
			synctest.Test(t, func(t *testing.T) {
				s := newStory(t)
				defer s.close()
				for i := range script {
					told = append(told, s.run(&script[i]))
				}
			})
			datadriven.RunTest(t, file, func(_ *testing.T, _ *datadriven.TestData) string {
				out := told[0]
				told = told[1:]
				return out
			})
		})
	}
}

// story is the world of a script.
type story struct {
	t       *testing.T
	w       *World
	wire    *wire
	refs    map[string]node.Ref
	invites map[string]string
	copies  map[string]*vault.Disk
	names   map[node.Account]string // of first devices

	lines map[string]*carrier

	mu    sync.Mutex
	heard map[string][]string
}

func newStory(t *testing.T) *story {
	t.Helper()
	s := &story{
		t: t, w: New(1, 4), refs: make(map[string]node.Ref), invites: make(map[string]string),
		copies: make(map[string]*vault.Disk), names: make(map[node.Account]string), heard: make(map[string][]string), lines: make(map[string]*carrier),
	}
	s.wire = newWire(t.Errorf)
	s.w.Net.Tap(s.wire.tap)
	s.w.Event = func(p *Person, e node.Event) {
		if e.Kind != node.EventTyping {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		what := "stopped"
		if e.On {
			what = "writes"
		}
		s.heard[p.Name] = append(s.heard[p.Name], s.names[e.Account]+" "+what)
	}
	return s
}

func (s *story) close() {
	if err := s.w.Close(); err != nil {
		s.t.Error(err)
	}
}

// run carries out a command, and returns what it shows: an error, or "ok" where there is nothing to show.
func (s *story) run(d *datadriven.TestData) string {
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Minute)
	defer cancel()
	out, err := s.do(ctx, d)
	switch {
	case err != nil:
		return "error: " + err.Error()
	case out == "":
		return "ok"
	default:
		return out
	}
}

// word returns the nth word after the command, empty if there are fewer.
func word(d *datadriven.TestData, n int) string {
	if n < len(d.CmdArgs) {
		return d.CmdArgs[n].Key
	}
	return ""
}

// option returns what key= says.
func option(d *datadriven.TestData, key string) string {
	if a, ok := d.Arg(key); ok && len(a.Vals) > 0 {
		return a.Vals[0]
	}
	return ""
}

func (s *story) span(d *datadriven.TestData, key string, otherwise time.Duration) time.Duration {
	text := option(d, key)
	if text == "" {
		return otherwise
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		d.Fatalf(s.t, "%v", err)
	}
	return v
}

// person returns who the nth word names.
func (s *story) person(d *datadriven.TestData, n int) *Person { return s.named(d, word(d, n)) }

func (s *story) named(d *datadriven.TestData, name string) *Person {
	p := s.w.People[name]
	if p == nil {
		d.Fatalf(s.t, "who is %q?", name)
	}
	return p
}

func (s *story) ref(d *datadriven.TestData, name string) node.Ref {
	r, ok := s.refs[name]
	if !ok && name != "" {
		d.Fatalf(s.t, "which message is %q?", name)
	}
	return r
}

// do carries out a command.
func (s *story) do(ctx context.Context, d *datadriven.TestData) (string, error) {
	switch d.Cmd {
	case "people":
		for _, a := range d.CmdArgs {
			p, err := s.w.Add(ctx, a.Key)
			if err != nil {
				return "", err
			}
			s.joined(p)
		}
		return "", nil
	case "wait":
		time.Sleep(s.span(d, "for", time.Second))
		synctest.Wait()
		return "", nil
	case "settle":
		return s.settle(ctx, s.span(d, "within", 2*time.Hour)), nil
	case "heal":
		s.w.Heal()
		return "", nil
	case "partition":
		var groups [][]*Person
		for _, a := range d.CmdArgs {
			var g []*Person
			for _, name := range a.Vals {
				g = append(g, s.named(d, name))
			}
			groups = append(groups, g)
		}
		s.w.Part(groups...)
		return "", nil
	case "faults":
		share := func(key string) float64 {
			v, _ := strconv.ParseFloat(option(d, key), 64)
			return v
		}
		s.w.Net.SetFaults(p2ptest.Faults{
			Latency: s.span(d, "latency", 0), Jitter: s.span(d, "jitter", 0), Refuse: share("refuse"), Cut: share("cut"),
			Echo: share("echo"), EchoAfter: s.span(d, "echoafter", 0), Forget: share("forget"),
		})
		return "", nil
	case "rollback":
		for _, h := range s.w.Servers {
			h.SetRollback(!d.HasArg("off"))
		}
		return "", nil
	case "swap":
		return "", s.swap(ctx, d)
	case "reused":
		s.wire.mu.Lock()
		defer s.wire.mu.Unlock()
		return fmt.Sprintf("%d message keys were used twice", s.wire.reused), nil
	case "contacts", "heard", "waits", "resets", "duplicates", "sees", "holds", "missing":
		return s.look(ctx, d)
	case "send", "say", "edit", "delete", "react", "read", "typing":
		return "", s.speak(ctx, d)
	case "call", "answer", "hangup", "voice", "lose", "phone", "calls":
		return s.phone(ctx, d)
	case "start", "stop", "crash", "crashat", "copy", "restore", "full", "clock", "move", "reachable":
		return "", s.machine(ctx, d)
	default:
		return "", s.befriend(ctx, d)
	}
}

func (s *story) joined(p *Person) {
	if a := p.Node.Account(); s.names[a] == "" {
		s.names[a] = p.Name
	}
	s.wire.sender(p)
}

// befriend is what makes people and devices known to each other.
func (s *story) befriend(ctx context.Context, d *datadriven.TestData) error {
	p := s.person(d, 0)
	switch d.Cmd {
	case "befriend":
		return s.w.Befriend(ctx, p, s.person(d, 1))
	case "link":
		q, err := s.w.Link(ctx, p, option(d, "as"))
		if err == nil {
			s.joined(q)
		}
		return err
	case "revoke":
		return p.Node.Revoke(ctx, s.person(d, 1).Node.Device())
	case "invite":
		i, err := p.Node.Invite(ctx, s.span(d, "for", 0), d.HasArg("standing"))
		if err == nil {
			s.invites[option(d, "as")] = i.String()
		}
		return err
	case "add":
		text := s.invites[option(d, "invite")]
		if of := option(d, "address"); of != "" {
			text = s.named(d, of).Node.Address().String()
		}
		_, err := p.Node.Add(ctx, text)
		return err
	case "accept":
		return p.Node.Accept(ctx, s.person(d, 1).Node.Account())
	case "block":
		return p.Node.Block(ctx, s.person(d, 1).Node.Account())
	case "unblock":
		return p.Node.Unblock(ctx, s.person(d, 1).Node.Account())
	default:
		d.Fatalf(s.t, "what is %s?", d.Cmd)
		return nil
	}
}

// speak is what people say.
func (s *story) speak(ctx context.Context, d *datadriven.TestData) error {
	n, with := s.person(d, 0).Node, s.person(d, 1).Node.Account()
	time.Sleep(10 * time.Millisecond) // so that what one said first has an earlier time
	switch d.Cmd {
	case "say":
		count, _ := strconv.Atoi(option(d, "count"))
		for i := range count {
			if _, err := n.Send(ctx, with, fmt.Sprint(i+1), node.Ref{}); err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
		}
		return nil
	case "send":
		ref, err := n.Send(ctx, with, d.Input, s.ref(d, option(d, "reply")))
		if as := option(d, "as"); err == nil && as != "" {
			s.refs[as] = ref
		}
		return err
	case "edit":
		return n.Edit(ctx, with, s.ref(d, word(d, 2)).ID, d.Input)
	case "delete":
		return n.Delete(ctx, with, s.ref(d, word(d, 2)).ID)
	case "react":
		return n.React(ctx, with, s.ref(d, word(d, 2)), option(d, "emoji"))
	case "read":
		var ids []node.MessageID
		for i := 2; i < len(d.CmdArgs); i++ {
			ids = append(ids, s.ref(d, word(d, i)).ID)
		}
		return n.MarkRead(ctx, with, ids...)
	default:
		return n.Typing(ctx, with, word(d, 2) != "off")
	}
}

// machine is what happens to a device.
func (s *story) machine(ctx context.Context, d *datadriven.TestData) error {
	p := s.person(d, 0)
	switch d.Cmd {
	case "start":
		err := p.Start(ctx)
		s.wire.sender(p)
		return err
	case "stop":
		return p.Stop()
	case "crash":
		p.Crash()
	case "crashat":
		n, _ := strconv.Atoi(option(d, "writes"))
		p.CrashAt(n, d.HasArg("after"))
	case "copy":
		s.copies[option(d, "as")] = p.Disk.Clone()
	case "restore":
		p.Restore(s.copies[option(d, "from")])
		s.wire.mu.Lock()
		defer s.wire.mu.Unlock()
		s.wire.restored = true
	case "full":
		p.Disk.SetFull(word(d, 1) != "off")
	case "clock":
		p.SetClock(s.span(d, "ahead", 0))
	case "move":
		p.Host.Move()
	case "reachable":
		p.Host.SetReachable(word(d, 1) != "off")
	}
	return nil
}

// settle waits until nothing waits at those who are awake, and tells what still does.
func (s *story) settle(ctx context.Context, within time.Duration) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	posts := func() (count int) {
		for _, p := range s.w.People {
			if p.Awake() && !p.Died() {
				count += p.Node.Stats().Waiting
			}
		}
		return count
	}
	for quiet := 0; quiet < 3; { // what comes may lead to answers
		if err := s.w.Until(ctx, func() bool { return posts() == 0 }); err != nil {
			var out []string
			for _, name := range s.w.Names() {
				if what := s.waits(s.w.People[name]); what != "nothing" {
					out = append(out, name+" → "+strings.ReplaceAll(what, "\n", "\n"+name+" → "))
				}
			}
			return strings.Join(out, "\n")
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if quiet++; posts() > 0 {
			quiet = 0
		}
	}
	return ""
}

// waits tells what waits at a device.
func (s *story) waits(p *Person) string {
	if !p.Awake() || p.Died() {
		return "asleep"
	}
	var out []string
	for _, w := range p.Node.Waiting() {
		out = append(out, fmt.Sprintf("%s: %d, %s", s.deviceName(w.Account, w.Device), w.Posts, w.Why))
	}
	slices.Sort(out)
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, "\n")
}

// deviceName names a device: by its own name, or by its account's.
func (s *story) deviceName(a node.Account, number uint8) string {
	for _, name := range s.w.Names() {
		if p := s.w.People[name]; p.Node.Account() == a && p.Node.Device() == number {
			return name
		}
	}
	return "somewhere at " + s.names[a]
}

// look is what a device shows.
func (s *story) look(ctx context.Context, d *datadriven.TestData) (string, error) {
	p := s.person(d, 0)
	synctest.Wait()
	switch d.Cmd {
	case "contacts":
		var out []string
		for _, c := range p.Node.Contacts() {
			out = append(out, fmt.Sprintf("%s %v, calls itself %q, devices %d", s.names[c.Account], c.State, c.Name, len(c.Devices)))
		}
		slices.Sort(out)
		return strings.Join(out, "\n"), nil
	case "heard":
		s.mu.Lock()
		defer s.mu.Unlock()
		out := s.heard[p.Name]
		s.heard[p.Name] = nil
		return strings.Join(out, "\n"), nil
	case "waits":
		return s.waits(p), nil
	case "resets":
		return fmt.Sprint(p.Node.Stats().Resets), nil
	case "duplicates":
		if p.Node.Stats().Duplicates > 0 {
			return "some", nil
		}
		return "none", nil
	}
	with := s.person(d, 1).Node.Account()
	if d.Cmd == "missing" {
		count := uint64(0)
		devices, err := p.Node.Missing(ctx, with)
		for _, c := range devices {
			count += c
		}
		return fmt.Sprint(count), err
	}
	if d.Cmd == "holds" {
		v, err := p.Open()
		if err != nil {
			return "", err
		}
		defer v.Close()
		_, err = v.Item(node.ConversationID(with), s.ref(d, word(d, 2)))
		if errors.Is(err, vault.ErrNotFound) {
			return "no", nil
		}
		return "yes", err
	}
	lines, err := p.Lines(with)
	if err != nil {
		return "", err
	}
	if len(lines) == 0 {
		return "nothing", nil
	}
	if d.HasArg("count") {
		far := 0
		for i := range lines {
			if lines[i].State() >= chat.Delivered {
				far++
			}
		}
		return fmt.Sprintf("%d lines, %d delivered", len(lines), far), nil
	}
	var out []string
	for i := range lines {
		out = append(out, s.line(p, with, &lines[i]))
	}
	return strings.Join(out, "\n"), nil
}

// line is how a line looks.
func (s *story) line(p *Person, with node.Account, l *node.Message) string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "%s: ", s.names[l.Ref.Author])
	if l.ReplyTo != nil {
		if m, err := p.Node.Message(with, *l.ReplyTo); err == nil {
			fmt.Fprintf(b, "(to %q) ", m.Text)
		}
	}
	b.WriteString(l.Text)
	if l.Deleted {
		b.WriteString("(taken back)")
	}
	if l.Edited {
		b.WriteString(" (edited)")
	}
	if l.WrongTime {
		b.WriteString(" (wrong time)")
	}
	for _, r := range l.Reactions {
		fmt.Fprintf(b, " {%s %s}", s.names[r.Account], r.Text)
	}
	for _, w := range l.Deliveries {
		fmt.Fprintf(b, " [%s %v", s.deviceName(w.Account, w.Device), w.State)
		if w.Why != "" && w.State == chat.Failed { // while it is queued, the reason changes with each try
			fmt.Fprintf(b, ": %s", w.Why)
		}
		b.WriteString("]")
	}
	return b.String()
}

// swap lets something of somebody else be served.
func (s *story) swap(ctx context.Context, d *datadriven.TestData) error {
	at, of := s.named(d, option(d, "at")), s.named(d, option(d, "of"))
	if word(d, 0) == "descriptor" {
		who := s.named(d, option(d, "for"))
		at.Config = func(c *node.Config) {
			c.Directory = &liar{c.Directory, who.Node.Address().Discovery, of.Node.Address().Discovery}
		}
		if err := at.Stop(); err != nil {
			return err
		}
		defer s.joined(at)
		return at.Start(ctx)
	}
	h := s.w.Net.NewHost()
	conn, err := h.Lane(BundleLane).Dial(ctx, of.Host.Key(), of.Host.Addrs())
	if err != nil {
		return err
	}
	defer conn.Close()
	stream := frame.New(conn, frame.Max, time.Minute)
	if err := stream.Write([]byte{1}); err != nil {
		return err
	}
	b, err := stream.Read()
	if err != nil {
		return err
	}
	at.Host.Lane(BundleLane).Handle(func(_ identity.TransportKey, conn net.Conn) {
		defer conn.Close()
		stream := frame.New(conn, frame.Max, time.Minute)
		if _, err := stream.Read(); err == nil {
			_ = stream.Write(b)
		}
	})
	return nil
}

// liar is a directory that answers with somebody else's descriptors.
type liar struct {
	node.Directory
	asked, told identity.DiscoveryKey
}

func (l *liar) Lookup(ctx context.Context, key string, found func([]byte) bool) error {
	for _, at := range descriptor.LookupPlaces(time.Now()) {
		a, err := descriptor.Blind(l.asked, at)
		if err != nil {
			return err
		}
		if a.DHT() == key {
			b, err := descriptor.Blind(l.told, at)
			if err != nil {
				return err
			}
			key = b.DHT()
			break
		}
	}
	return l.Directory.Lookup(ctx, key, found)
}
