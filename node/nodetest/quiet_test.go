package nodetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// quiet ends all that goes wrong, and waits until everything arrived everywhere.
func (s *sim) quiet() {
	s.note("quiet")
	s.w.Heal()
	s.w.Net.SetFaults(p2ptest.Faults{})
	for _, a := range s.actors {
		if a.Awake() && a.Died() {
			a.Crash()
		}
		a.CrashAt(1<<40, false)
		a.full = false
		a.Disk.SetFull(false)
		if s.wild() {
			a.SetClock(0)
		}
		if !a.Awake() {
			s.start(a)
		}
		a.Host.SetReachable(true)
	}
	s.mend()
	began := time.Now()
	for s.waiting() > 0 {
		if time.Since(began) > simQuiet {
			for _, a := range s.actors {
				s.note("%s waits: %s", a.Name, s.why(a))
			}
			s.fail("not all has arrived after %v of quiet", simQuiet)
		}
		time.Sleep(time.Minute)
		s.check()
	}
	took := time.Since(began)
	s.emptied()
	time.Sleep(10 * time.Minute) // what nobody uses is closed
	s.check()
	s.converged()
	s.bounded()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.t.Logf("%d texts, %d envelopes, %d of them again, %d not in the outbox any more, %d crashes, %d deliveries were honest, %d keepers at a time, quiet took %v",
		len(s.said), s.wire.envelopes, s.wire.again, s.wire.unkept, s.crashes, s.honest, s.keepers, took)
}

// why tells what waits at a device.
func (s *sim) why(a *actor) string {
	var out []string
	for _, w := range a.Node.Waiting() {
		name := "nobody known"
		if to := s.device(w.Account, w.Device); to != nil {
			name = to.Name
		}
		out = append(out, fmt.Sprintf("%d for %s (device %d), next %v: %s", w.Posts, name, w.Device, w.Next, w.Why))
	}
	return strings.Join(out, "; ")
}

func (s *sim) waiting() (posts int) {
	for _, a := range s.actors {
		posts += a.Node.Stats().Waiting
	}
	return posts
}

// shown is a line as all must see it alike.
func (s *sim) shown(l *node.Message) string {
	var reactions []string
	for _, r := range l.Reactions {
		reactions = append(reactions, fmt.Sprint(slices.Index(s.ids, r.Account), r.Text))
	}
	reply := ""
	if l.ReplyTo != nil {
		reply = l.ReplyTo.ID.String()
	}
	return fmt.Sprintf("%s %q deleted %v edited %v reactions %v reply %s", l.Ref.ID, l.Text, l.Deleted, l.Edited, reactions, reply)
}

// converged checks that all devices show the same, and that it is what was said.
func (s *sim) converged() {
	for i := range s.accounts {
		for _, j := range s.friends[i] {
			if i < j {
				s.sameLines(i, j)
			}
		}
	}
	ctx := s.t.Context()
	for _, a := range s.actors {
		for i, id := range s.ids {
			missing, err := a.Node.Missing(ctx, id)
			s.must(err)
			for d, count := range missing {
				if count > 0 {
					s.fail("%s misses %d messages of device %d of %s", a.Name, count, d, s.accounts[i][0].Name)
				}
			}
		}
	}
}

// sameLines checks one conversation.
func (s *sim) sameLines(i, j int) {
	var want []string
	var who *actor
	for _, a := range slices.Concat(s.accounts[i], s.accounts[j]) {
		with := s.ids[j]
		if a.account == j {
			with = s.ids[i]
		}
		lines, err := a.Lines(with)
		s.must(err)
		got := make([]string, 0, len(lines))
		at := make(map[node.Ref]int)
		for k := range lines {
			l := &lines[k]
			got = append(got, s.shown(l))
			if _, twice := at[l.Ref]; twice {
				s.fail("%s shows %q twice", a.Name, l.Text)
			}
			at[l.Ref] = k
			if m := s.byRef[l.Ref]; m != nil && !m.gone && len(m.maybe) == 0 && l.Text != m.text {
				s.fail("%s shows %q instead of %q", a.Name, l.Text, m.text)
			}
			if l.Own {
				s.allWays(a, l, i+j-a.account)
			}
		}
		s.ordered(a, i, j, at)
		if s.wild() {
			slices.Sort(got)
		}
		if want == nil {
			want, who = got, a
			continue
		}
		if !slices.Equal(want, got) {
			for k := range max(len(want), len(got)) {
				x, y := "nothing", "nothing"
				if k < len(want) {
					x = want[k]
				}
				if k < len(got) {
					y = got[k]
				}
				if x != y {
					s.fail("line %d: %s shows\n    %s\nand %s\n    %s", k, who.Name, x, a.Name, y)
				}
			}
		}
	}
}

// allWays checks that an own line is delivered on all devices, as far as this device knows.
func (s *sim) allWays(a *actor, l *node.Message, to int) {
	if l.Device != a.Node.Device() {
		return // the device that sent it knows
	}
	for _, b := range s.accounts[to] {
		if !slices.ContainsFunc(l.Deliveries, func(w node.Way) bool {
			return w.Account == s.ids[to] && w.Device == b.Node.Device() && (w.State == chat.Delivered || w.State == chat.Read)
		}) {
			s.fail("%s does not show %q as delivered to %s: %+v", a.Name, l.Text, b.Name, l.Deliveries)
		}
	}
}

// ordered checks that all that was said is there, after what its sender had before it.
func (s *sim) ordered(a *actor, i, j int, at map[node.Ref]int) {
	for _, m := range s.said {
		if (m.from.account != i || m.to != j) && (m.from.account != j || m.to != i) {
			continue
		}
		place, ok := at[m.ref]
		if !ok {
			own, _ := m.from.Node.Message(s.ids[m.to], m.ref)
			s.fail("%s lacks %q of %s, who shows %+v", a.Name, m.text, m.from.Name, own.Deliveries)
		}
		for _, ref := range m.after {
			if before, ok := at[ref]; ok && before > place && !s.wild() {
				s.fail("%s shows %q above what %s had before it", a.Name, m.text, m.from.Name)
			}
		}
	}
}

// emptied waits until devices have looked into all their relays: what arrived by one way is taken from the others.
func (s *sim) emptied() {
	if s.wild() { // there, what was sealed in another year stays until it expires
		return
	}
	began := time.Now()
	for {
		left := ""
		for _, r := range s.w.Relays {
			if n := r.Store.Stats().Posts; n > 0 {
				left = fmt.Sprintf("%d posts lie at relay %s", n, r.Name)
			}
		}
		took := time.Since(began)
		switch {
		case left == "":
			s.t.Logf("relays were empty after %v more", took)
			return
		case took > simEmpty:
			s.fail("%s, and all arrived %v ago", left, took)
		}
		time.Sleep(time.Minute)
	}
}

// bounded checks that nothing is left over.
func (s *sim) bounded() {
	most := 2 * len(s.w.Relays) * len(s.actors) // at one relay a device listens, and into others it looks now and then
	if c := s.w.Net.Conns(); c > most {
		s.fail("%d connections are open, and nobody has anything to say", c)
	}
	for _, a := range s.actors {
		outbox, keys := 0, 0
		s.must(a.Vault.Each(vault.Outbox, nil, func(_, _ []byte) error { outbox++; return nil }))
		s.must(a.Vault.Each(vault.PreKey, []byte{'p'}, func(_, _ []byte) error { keys++; return nil }))
		if outbox > 0 {
			s.fail("%s has %d posts for nobody", a.Name, outbox)
		}
		if st := a.Vault.Stats(); st.Commits > simCommits || st.Records > simRecords+st.Commits || st.Damaged > 0 || st.Lost > 0 {
			s.fail("the vault of %s: %+v", a.Name, st)
		}
	}
}
