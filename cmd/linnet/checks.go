package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/api"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p"
)

// How things are.
const (
	checkOK   = "ok"
	checkWarn = "warn"
	checkFail = "fail"
)

// Status tells how the machine and each account do.
func (h *house) Status() api.Status {
	s := api.Status{
		V: formatVersion, Version: readBuild().Version, Since: h.since, Listen: h.settings.Listen,
		Checks: append(checkMachine(time.Now()), h.checkPort()...), Accounts: []api.AccountStatus{},
	}
	for _, t := range h.all() {
		a := api.AccountStatus{Account: h.view(t), Checks: h.check(t), Waiting: []api.Waiting{}, Awake: []api.Contact{}}
		if m, err := h.messenger(t.name); err == nil {
			a.Peers = m.Host.Peers()
		}
		s.Accounts = append(s.Accounts, a)
	}
	return s
}

// checkMachine looks at what all accounts share. Of the clock only this much is known: it cannot be earlier than the source
// that this program was made of.
func checkMachine(now time.Time) []api.Check {
	out := []api.Check{}
	if made, ok := madeAt(); ok && now.Before(made) {
		out = append(out, api.Check{
			Name: "clock", State: checkFail, Fix: "set the clock, at best by the network",
			Text: fmt.Sprintf("it says %s, and this Linnet was made on %s", now.Format(time.DateOnly), made.Format(time.DateOnly)),
		})
	}
	return out
}

// checkPort tells where the API is when somebody else has its port.
func (h *house) checkPort() []api.Check {
	wanted := h.settings.Wanted
	if _, port, err := net.SplitHostPort(wanted); err != nil || port == "0" || h.settings.Listen == wanted || h.settings.Listen == "" {
		return nil
	}
	return []api.Check{{
		Name: "port", State: checkWarn, Fix: "stop what has the port, then linnet down and linnet up; or choose another by --listen",
		Text: fmt.Sprintf("another program has %s: the API for programs is at %s", wanted, h.settings.Listen),
	}}
}

func madeAt() (time.Time, bool) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}, false
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, err := time.Parse(time.RFC3339, s.Value)
			return t, err == nil
		}
	}
	return time.Time{}, false
}

// check looks at one account.
func (h *house) check(t *tenant) []api.Check {
	h.mutex.Lock()
	m, state, problem, cause := t.messenger, t.state, t.problem, t.cause
	h.mutex.Unlock()
	switch {
	case m != nil:
		var damaged []string
		for _, d := range m.vault.Damaged() {
			damaged = append(damaged, d.String())
		}
		relays := m.Node.Relays()
		checks := []api.Check{checkMesh(m.Host.Stats(), m.Host.Addrs(), onNetwork())}
		checks = append(append(checks, checkPost(relays)...), checkClock(relays)...)
		checks = append(checks, checkStorage(m.vault.Stats(), damaged, backupAge(m)))
		if u := m.vault.Upgraded(); u != nil {
			checks = append(checks, api.Check{
				Name: "upgrade", State: checkOK, Fix: "rm -r " + u.Copy + ", once all is well",
				Text: fmt.Sprintf("the store went from schema %d to %d at this start; a copy of what it was is kept", u.From, u.To),
			})
		}
		return checks
	case state == stateLocked:
		return []api.Check{{Name: "account", State: checkWarn, Text: cmp.Or(problem, "locked: it waits for its passphrase"), Fix: "linnet account unlock"}}
	default:
		return []api.Check{{Name: "account", State: checkFail, Text: problem, Fix: cmp.Or(fixOf(cause), "linnet down, then linnet up tries again")}}
	}
}

func checkMesh(s p2p.Stats, reach []string, network bool) api.Check {
	if s.Peers == 0 && !network {
		return api.Check{Name: "mesh", State: checkWarn, Text: "this machine is on no network; what is sent waits here", Fix: "connect it: a cable, Wi-Fi"}
	}
	if s.Peers == 0 {
		return api.Check{Name: "mesh", State: checkWarn, Text: "connected to nobody; what is sent waits here", Fix: "check the network, or add somebody by an invite"}
	}
	text, fix := counted(s.Peers, "peer"), ""
	switch {
	case s.Serving:
		text += "; reachable from outside"
	case slices.ContainsFunc(reach, func(a string) bool { return strings.HasSuffix(a, "/p2p-circuit") }):
		text += "; behind a router, reachable by relay"
	case len(reach) == 0:
		text += "; behind a router that lets nobody in"
		fix = "two behind routers meet by a relay that both can reach"
	}
	if s.Relayed > 0 {
		text += fmt.Sprintf(", %d of the connections by relay", s.Relayed)
	}
	if s.Neighbours > 0 {
		text += fmt.Sprintf(", %d on the LAN", s.Neighbours)
	}
	return api.Check{Name: "mesh", State: checkOK, Text: text, Fix: fix}
}

// checkPost tells how the relays do that keep post for a device; nothing if there are none.
func checkPost(all []node.Relay) []api.Check {
	used, bad, drains, refuse := 0, 0, 0, 0
	why := ""
	var names, meant []string // all, and those that something is said of
	for _, r := range all {
		name := shortRelay(r.Key.String())
		switch {
		case r.State != node.RelayUsed:
			continue
		case r.Why != "":
			bad++
			why = cmp.Or(why, r.Why)
			meant = append(meant, name)
		case r.Drains:
			drains++
			meant = append(meant, name)
		case r.Refuses != "":
			refuse++
			why = cmp.Or(why, r.Refuses)
			meant = append(meant, name)
		}
		used++
		names = append(names, name)
	}
	c := api.Check{Name: "post", State: checkOK, Text: "boxes on " + counted(used, "relay")}
	switch {
	case len(all) == 0:
		c.Text, c.Fix = "no relay: both of you must be awake, until linnet relay add", "linnet relay add 'linnet:relay/…'"
		return []api.Check{c}
	case used == 0:
		c.State, c.Fix = checkWarn, "linnet relay add another"
		c.Text = "no relay keeps post for this device: while it sleeps, post waits with who wrote it"
	case bad == used:
		c.State, c.Fix = checkFail, "linnet relay add another"
		c.Text += ", and none can be used: " + line1(why)
	case bad > 0:
		c.State, c.Fix = checkWarn, "linnet relay lists them; after a day another one is taken, if there is one"
		c.Text += fmt.Sprintf(", %d of which cannot be used: %s", bad, line1(why))
	case drains > 0:
		c.State, c.Fix = checkWarn, "nothing to do, if there are others: linnet relay"
		c.Text += fmt.Sprintf(", %d of which take nothing new", drains)
	case refuse > 0:
		c.State, c.Fix = checkWarn, "add another, or ask who runs it; linnet relay lists them"
		c.Text += fmt.Sprintf(", %d of which take no prekeys: %s", refuse, line1(why))
	}
	if len(meant) == 0 {
		meant = names
	}
	if len(meant) > 0 {
		c.Text += " (" + strings.Join(meant, ", ") + ")"
	}
	return []api.Check{c}
}

// How far a clock may be away from those of all relays that tell the time.
const (
	clockOff   = 30 * time.Second
	clockWrong = 10 * time.Minute
)

// checkClock compares the clock with those of relays. One of them alone may lie: what all agree about at least counts.
func checkClock(all []node.Relay) []api.Check {
	var off time.Duration
	known := false
	for _, r := range all {
		switch {
		case !r.Timed:
		case !known:
			off, known = r.Ahead, true
		case off > 0:
			off = min(off, max(r.Ahead, 0))
		default:
			off = max(off, min(r.Ahead, 0))
		}
	}
	if off.Abs() < clockOff {
		return nil
	}
	c := api.Check{Name: "clock", State: checkWarn, Fix: "set it by the network"}
	if runtime.GOOS == "linux" {
		c.Fix = "sudo timedatectl set-ntp true"
	}
	if off.Abs() >= clockWrong {
		c.State = checkFail
	}
	where := "behind"
	if off < 0 {
		where = "ahead of"
	}
	c.Text = fmt.Sprintf("%s %s that of the relays", off.Abs().Round(time.Second), where)
	return []api.Check{c}
}

// onNetwork tells whether this machine has an address that others could know.
func onNetwork() bool {
	addrs, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(addrs, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast()
	})
}

func checkStorage(s vault.Stats, damaged []string, backup string) api.Check {
	c := api.Check{Name: "storage", State: checkOK, Text: fmt.Sprintf("%s used, %s free; %s", inBytes(s.Bytes), inBytes(s.Free), backup)}
	switch {
	case s.Full:
		c.State, c.Fix = checkFail, "make room on the disk: nothing can be written"
	case s.Lost > 0:
		c.State, c.Fix = checkWarn, "check the disk"
		c.Text += fmt.Sprintf("; %d writes vanished that the disk had confirmed", s.Lost)
	case s.Damaged > 0:
		c.State, c.Fix = checkWarn, "check the disk"
		for _, d := range damaged {
			c.Text += "; " + d
		}
	}
	return c
}

// wordsHere says that nobody showed to have the words, which are still here.
var wordsHere = api.Check{Name: "words", State: checkWarn, Text: "your 24 words are not on paper yet", Fix: "linnet words"}

// backupOld is how old a backup may be before the doctor advises another one.
const backupOld = 30 * 24 * time.Hour

// backupAge says how old the last backup is.
func backupAge(m *messenger) string {
	if made, ok := m.Node.LastBackup(); ok {
		return "backup " + old(time.Since(made))
	}
	return "no backup yet"
}

// checkBackup tells whether somebody who loses this device loses much.
func checkBackup(made time.Time, ok bool, contacts int, now time.Time) api.Check {
	c := api.Check{Name: "backup", State: checkOK, Fix: "linnet backup create FILE"}
	switch {
	case ok && now.Sub(made) > backupOld:
		c.State, c.Text = checkWarn, "the last one is "+old(now.Sub(made))
	case ok:
		c.Text, c.Fix = old(now.Sub(made)), ""
	case contacts > 0:
		c.State, c.Text = checkWarn, "there is none: with this device, contacts and history would be lost"
	default:
		c.Text = "there is none, and nothing to lose yet"
	}
	return c
}

// old tells an age.
func old(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just made"
	case d < time.Hour:
		return counted(int(d/time.Minute), "minute") + " old"
	case d < 48*time.Hour:
		return counted(int(d/time.Hour), "hour") + " old"
	default:
		return counted(int(d/(24*time.Hour)), "day") + " old"
	}
}

// inspect looks at the folder of an account from outside, whether it is open or not.
func inspect(folder string) (out []api.Check) {
	i, err := vault.Inspect(folder)
	var newer *vault.SchemaError
	switch {
	case errors.As(err, &newer):
		out = append(out, api.Check{Name: "store", State: checkFail, Text: err.Error(), Fix: "install the Linnet that wrote it, or a newer one"})
	case err != nil:
		out = append(out, api.Check{Name: "store", State: checkFail, Text: err.Error(), Fix: "put a backup or a copy of the folder in its place"})
	case i.Upgrading:
		out = append(out, api.Check{Name: "store", State: checkWarn, Text: "an upgrade of it has not ended", Fix: "linnet up goes on with it"})
	default:
		out = append(out, api.Check{Name: "store", State: checkOK, Text: fmt.Sprintf("schema %d, only you can open it", i.Schema)})
	}
	if len(i.Exposed) > 0 && err == nil {
		out = out[:len(out)-1]
	}
	for _, e := range i.Exposed {
		mode := "0600"
		if info, err := os.Lstat(e.Path); err == nil && info.IsDir() {
			mode = "0700"
		}
		out = append(out, api.Check{Name: "modes", State: checkFail, Text: "others on this machine may open " + e.String(), Fix: "chmod " + mode + " " + e.Path})
	}
	for _, path := range i.Copies {
		out = append(out, api.Check{Name: "copy", State: checkWarn, Text: "an upgrade left a copy of all that was in the store: " + path, Fix: "rm -r " + path + ", once all is well"})
	}
	return out
}

// doctorAlone is what can be said while no daemon runs.
func doctorAlone(p paths) (api.Report, error) {
	r := api.Report{V: formatVersion, Accounts: map[string][]api.Check{}}
	r.Checks = append(r.Checks, api.Check{Name: "daemon", State: checkFail, Text: "Linnet is not running", Fix: "linnet up"})
	if pid, held := daemonPID(p.Lock); held {
		r.Checks[0].Text = fmt.Sprintf("process %d has the lock and does not answer", pid)
		r.Checks[0].Fix = "look into " + p.Log
	}
	if pid := leftPID(p.Lock); pid > 0 && r.Checks[0].Fix == "linnet up" {
		c := api.Check{Name: "lock", State: checkWarn, Text: fmt.Sprintf("process %d was Linnet, and was killed or crashed; nothing is lost", pid), Fix: "linnet up goes on; the log says more: " + p.Log}
		if said := lastWords(p.Crash); said != saidNothing {
			c.Text += ". It said: " + line1(said)
		}
		r.Checks = append(r.Checks, c)
	}
	r.Checks = append(r.Checks, checkMachine(time.Now())...)
	names, err := findAccounts(p.Data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	for _, name := range names {
		r.Accounts[name] = inspect(filepath.Join(p.Data, name))
	}
	return r, nil
}

// Doctor looks at everything. A report may be shown to strangers: it has no names, keys, addresses or paths.
func (h *house) Doctor(_ context.Context, report bool) (api.Report, error) {
	r := api.Report{V: formatVersion, Checks: append(checkMachine(time.Now()), h.checkPort()...), Accounts: map[string][]api.Check{}}
	r.Checks = append(r.Checks, checkMode("folder", h.settings.Folder, "0700"))
	if h.settings.Socket != "" {
		r.Checks = append(r.Checks, checkMode("socket", h.settings.Socket, "0600"))
	}
	states := make(map[string]int)
	for i, t := range h.all() {
		checks := append(h.check(t), inspect(t.folder)...)
		if m, err := h.messenger(t.name); err == nil {
			made, ok := m.Node.LastBackup()
			checks = append(checks, checkBackup(made, ok, len(m.Node.Contacts()), time.Now()))
			if _, err := m.Node.Words(); err == nil {
				checks = append(checks, wordsHere)
			}
		}
		name := t.name
		if report {
			name = strconv.Itoa(i + 1)
			for j := range checks {
				if checks[j].Name == "post" { // which relays, nobody else is to know
					checks[j].Text, _, _ = strings.Cut(checks[j].Text, " (")
				}
				checks[j].Text, checks[j].Fix = redact(checks[j].Text), redact(checks[j].Fix)
			}
		}
		r.Accounts[name] = checks
		states[h.view(t).State]++
	}
	if !report {
		return r, nil
	}
	for i := range r.Checks {
		r.Checks[i].Text, r.Checks[i].Fix = redact(r.Checks[i].Text), redact(r.Checks[i].Fix)
	}
	b := readBuild()
	r.Facts = map[string]string{
		"version": b.Version, "revision": b.Revision, "go": b.Go, "platform": b.Platform,
		"up": time.Since(h.since).Round(time.Second).String(),
	}
	for _, s := range []string{stateRunning, stateLocked, stateFailed} {
		r.Facts["accounts "+s] = strconv.Itoa(states[s])
	}
	var err error
	r.Log, err = lastLines(h.settings.LogFile)
	return r, err
}

// checkMode tells whether others could read something that is ours alone.
func checkMode(name, path, want string) api.Check {
	if _, err := os.Lstat(path); err != nil {
		return api.Check{Name: name, State: checkFail, Text: err.Error(), Fix: "linnet down, then linnet up"}
	}
	if mode, open := tooOpen(path); open {
		return api.Check{
			Name: name, State: checkFail, Fix: "chmod " + want + " " + path,
			Text: fmt.Sprintf("others on this machine may open %s: its mode is %04o", path, mode),
		}
	}
	return api.Check{Name: name, State: checkOK, Text: "only you can open it"}
}

// secret is what a report does not have: paths, network addresses, links, keys and whatever is as long as one.
var secret = regexp.MustCompile(`(?i)linnet:\S+|linnet1\w+|[a-z]:\\[^"]*|(?:/[^/\s":]+)+/?|\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,7}\b|\b\w{16,}\b`)

func redact(s string) string { return secret.ReplaceAllString(s, "…") }

// reportLines is how many lines of the log a report has.
const reportLines = 50

// lastLines returns the last lines of a log, redacted; none if there is no log.
func lastLines(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	const most = 64 << 10
	from := max(0, info.Size()-most)
	b, err := io.ReadAll(io.NewSectionReader(f, from, most))
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	if from > 0 { // the first line is not whole
		_, b, _ = bytes.Cut(b, []byte("\n"))
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	lines = lines[max(0, len(lines)-reportLines):]
	for i := range lines {
		lines[i] = redact(lines[i])
	}
	return lines, nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// inBytes is for people: 1 kB is 1000 bytes.
func inBytes(n uint64) string {
	f, units := float64(n), []string{"bytes", "kB", "MB", "GB", "TB", "PB", "EB"}
	for f >= 1000 && len(units) > 1 {
		f, units = f/1000, units[1:]
	}
	return fmt.Sprintf("%.0f %s", f, units[0])
}
