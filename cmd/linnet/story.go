package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/p2p"
)

// The story of the demo: each function is a step, and prints what it measured.

const (
	helloAda = "hello, Ada"
	helloBen = "hello, Ben"
	dearAda  = "hello, dear Ada"
	neverMet = "we never met"
)

// meet opens the mesh; Ada invites, and Ben, who knows nothing else, finds her.
func (d *demo) meet(ctx context.Context) error {
	began := time.Now()
	var err error
	if d.mesh, err = openMesh(ctx, meshSize); err != nil {
		return err
	}
	if err := d.openRelays(ctx); err != nil {
		return err
	}
	d.print.say(line{Event: "mesh", Who: "mesh up", What: "no address built in", Took: took(began)})

	began = time.Now()
	first := d.mesh.Hosts[0]
	ada, err := d.open(ctx, "Ada", p2p.Peer{Key: first.Key(), Addrs: first.Addrs()})
	if err != nil {
		return err
	}
	if err := poll(ctx, func() bool { return ada.Node.Stats().Published > 0 }); err != nil {
		return fmt.Errorf("%s's descriptor did not get into the DHT: %w", ada.name, err)
	}
	kept := 0
	for _, p := range ada.published() {
		kept = max(kept, p.kept)
	}
	d.print.say(line{Event: "publish", Who: "Ada publishes", What: fmt.Sprintf("kept by %d DHT nodes", kept), Count: kept, Took: took(began)})

	invite, err := ada.Node.Invite(ctx, time.Hour, false, peerOf(d.mesh.Hosts[1]), peerOf(d.mesh.Hosts[2]))
	if err != nil {
		return fmt.Errorf("%s's invite: %w", ada.name, err)
	}
	link := invite.String()
	d.print.say(line{Event: "invite", Who: "Ada invites", What: shorten(link), Link: link})
	return d.add(ctx, ada, link)
}

// add has Ben begin, add Ada, and waits until each is the other's contact.
func (d *demo) add(ctx context.Context, ada *person, link string) error {
	began := time.Now()
	ben, err := d.open(ctx, "Ben")
	if err != nil {
		return err
	}
	d.print.say(line{Event: "open", Who: "Ben begins", What: "with nothing but the invite", Took: took(began)})
	began = time.Now()
	last := ben.Node.LastEvent()
	account, err := ben.Add(ctx, link)
	if err != nil {
		return fmt.Errorf("%s adding %s: %w", ben.name, ada.name, err)
	}
	var found, session, accepted time.Time
	err = ben.Node.Watch(ctx, last, func(e node.Event) error {
		c, err := ben.Node.Contact(account)
		if err != nil {
			return err
		}
		if found.IsZero() && len(c.Devices) > 0 {
			found = time.Now()
			d.print.say(line{Event: "found", Who: "Ben adds Ada", What: "found by public key in the DHT", Took: inMillis(found.Sub(began))})
		}
		if session.IsZero() && e.Kind == node.EventSession {
			session = time.Now()
			d.print.say(line{Event: "session", Who: "session", What: "X25519 + Kyber-1024, post-quantum", Took: inMillis(session.Sub(found)), Also: true})
		}
		if c.State == node.Accepted {
			accepted = time.Now()
			d.print.say(line{Event: "accepted", Who: "Ada accepts", What: "by the token of her invite", Took: inMillis(accepted.Sub(session))})
			return errYes
		}
		return nil
	})
	if !errors.Is(err, errYes) {
		s := said{from: ben, to: ada}
		return fmt.Errorf("%s did not become %s's contact: %w: %s", ben.name, ada.name, cause(ctx, err), s.why())
	}
	return nil
}

// talk has both say something, react, read and edit.
func (d *demo) talk(ctx context.Context) error {
	ada, ben := d.people[0], d.people[1]
	hello, err := d.say(ctx, ben, ada, helloAda)
	if err != nil {
		return err
	}
	if _, err := d.say(ctx, ada, ben, helloBen); err != nil {
		return err
	}
	for _, act := range []struct {
		event, verb string
		who, sees   *person
		do          func() error
		done        func(m *node.Message) bool // what the other side shows then
	}{
		{
			"reaction", "reacts", ada, ben,
			func() error { return ada.Node.React(ctx, ben.Node.Account(), hello.ref, "👍") },
			func(m *node.Message) bool {
				return len(m.Reactions) == 1 && m.Reactions[0].Account == ada.Node.Account()
			},
		},
		{
			"read", "has read it", ada, ben,
			func() error { return ada.Node.MarkRead(ctx, ben.Node.Account(), hello.ref.ID) },
			func(m *node.Message) bool { return m.State() == node.Read },
		},
		{
			"edit", "edits", ben, ada,
			func() error { return ben.Node.Edit(ctx, ada.Node.Account(), hello.ref.ID, dearAda) },
			func(m *node.Message) bool { return m.Edited && m.Text == dearAda },
		},
	} {
		began := time.Now()
		if err := act.do(); err != nil {
			return fmt.Errorf("%s %s: %w", act.who.name, act.verb, err)
		}
		err := act.sees.until(ctx, func() bool {
			m, err := act.sees.Node.Message(act.who.Node.Account(), hello.ref)
			return err == nil && act.done(&m)
		})
		if err != nil {
			s := said{from: act.who, to: act.sees}
			return fmt.Errorf("that %s %s did not reach %s: %w: %s", act.who.name, act.verb, act.sees.name, cause(ctx, err), s.why())
		}
		d.print.say(line{
			Event: act.event, Who: act.who.name + " → " + act.sees.name, What: act.verb,
			State: act.sees.name + " sees it, " + act.who.way(), Took: took(began),
		})
	}
	d.said[0].text = dearAda
	return nil
}

// say sends a message, and waits until the other device says that it has it.
func (d *demo) say(ctx context.Context, from, to *person, text string) (said, error) {
	began := time.Now()
	ref, err := from.Node.Send(ctx, to.Node.Account(), text, node.Ref{})
	if err != nil {
		return said{}, fmt.Errorf("%s sending %q to %s: %w", from.name, text, to.name, err)
	}
	s := said{from, to, ref, text}
	d.said = append(d.said, s)
	var state node.State
	err = from.until(ctx, func() bool {
		m, err := from.Node.Message(to.Node.Account(), ref)
		state = m.State()
		return err == nil && arrived(&m)
	})
	if err != nil {
		return s, fmt.Errorf("%q from %s to %s did not arrive: %w: %s", text, from.name, to.name, cause(ctx, err), s.why())
	}
	d.print.say(line{
		Event: "message", Who: from.name + " → " + to.name, What: fmt.Sprintf("%q", text),
		State: state.String() + ", " + from.way(), Took: took(began),
	})
	return s, nil
}

// compare compares the safety numbers, as two people would.
func (d *demo) compare(context.Context) error {
	var numbers []string
	for i, p := range d.people[:2] {
		n, err := p.Node.SafetyNumber(d.people[1-i].Node.Account())
		if err != nil {
			return fmt.Errorf("%s's safety number: %w", p.name, err)
		}
		numbers = append(numbers, n)
	}
	if numbers[0] != numbers[1] {
		return errors.New("the safety numbers are not the same on both sides: somebody may stand between them")
	}
	groups := inFives(numbers[0])
	text := strings.Join(groups[:3], " ") + " … " + groups[len(groups)-1]
	d.print.say(line{Event: "safety", Who: "safety number", What: text + "   same on both: ok", Also: true})
	return nil
}

// tell says who saw what, as far as it was looked at.
func (d *demo) tell(ctx context.Context) error {
	d.print.space()
	d.print.head("Who saw what")
	var sent uint64
	total, texts := 0, []string{helloAda, helloBen, dearAda, neverMet}
	var secrets [][]byte // what a relay is not to know: whose post it is
	for _, p := range d.people {
		p.stop()
		sent += p.sent + p.Node.Stats().Sent
		a := p.Node.Address()
		discovery := [32]byte(a.Discovery)
		secrets = append(secrets, a.Account[:], discovery[:])
		n, sealed := p.written(texts...)
		if !sealed {
			return fmt.Errorf("what %s said left unencrypted", p.name)
		}
		total += n
	}
	d.print.fact(line{
		Event: "wire", Who: "the wire", Count: int(sent), Bytes: total,
		What: fmt.Sprintf("QUIC; in it %d sealed envelopes, sealed prekeys and descriptors, %.0f KiB, none of the texts", sent, float64(total)/1024),
	})

	for _, text := range texts {
		secrets = append(secrets, []byte(text))
	}
	if err := d.tellRelays(secrets); err != nil {
		return err
	}
	if !d.brief {
		d.print.fact(line{Event: "mixer", Who: "the mixer", What: "every word of the call, which it mixed: choose one of somebody you trust"})
	}

	ada := d.people[0]
	puts := ada.published()
	if len(puts) == 0 {
		return fmt.Errorf("%s's descriptor is not in the DHT any more", ada.name)
	}
	value := d.mesh.record(ctx, puts[0].key)
	if value == nil {
		return fmt.Errorf("%s's descriptor is not in the DHT any more", ada.name)
	}
	account := ada.Node.Account()
	if strings.Contains(puts[0].key+string(value), string(account[:])) {
		return fmt.Errorf("a DHT node can see whose descriptor it keeps: %s's", ada.name)
	}
	_, blinded, _ := strings.Cut(puts[0].key[1:], "/")
	d.print.fact(line{
		Event: "dht", Who: "a DHT node", Bytes: len(value),
		What: fmt.Sprintf("a blinded key %x…, %d sealed bytes", blinded[:2], len(value)),
	})
	return nil
}

// way tells how a person's messages go.
func (p *person) way() string {
	if p.Host.Stats().Relayed > 0 {
		return "by relay"
	}
	return "direct"
}

// cause returns why a context ended, if that is why err came.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func took(began time.Time) millis { return inMillis(time.Since(began)) }

// shorten leaves the beginning and the end of a link.
func shorten(link string) string {
	const scheme, head, tail = "linnet:add/", 3, 3
	if len(link) <= len(scheme)+head+tail {
		return link
	}
	return link[:len(scheme)+head] + "…" + link[len(link)-tail:]
}

// inFives returns the digits of a safety number in groups of five.
func inFives(digits string) (groups []string) {
	digits = strings.Join(strings.Fields(digits), "")
	for len(digits) > 5 {
		groups = append(groups, digits[:5])
		digits = digits[5:]
	}
	return append(groups, digits)
}
