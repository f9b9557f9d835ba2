package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/p2p"
)

// The second half of the demo's story: somebody who sleeps, and was never met.

// lieDown has Cleo begin, with boxes on all relays, and sleep once they have what they hand out for her. She herself puts
// nothing into the DHT.
func (d *demo) lieDown(ctx context.Context) error {
	began := time.Now()
	cleo := d.person("Cleo")
	cleo.hush(true)
	if err := cleo.wake(ctx, d.bootstrap()); err != nil {
		return err
	}
	for _, v := range d.relays {
		if _, err := cleo.Node.AddRelay(ctx, v.Address); err != nil {
			return fmt.Errorf("%s's relay %s: %w", cleo.name, v.Name, err)
		}
	}
	if err := poll(ctx, func() bool { return ready(cleo.Node) == len(d.relays) }); err != nil {
		return fmt.Errorf("%s's relays have not all that they are to hand out: %w", cleo.name, err)
	}
	d.print.say(line{
		Event: "boxes", Who: "Cleo's relays", What: "have boxes, prekeys and descriptors of hers",
		Count: len(d.relays), Took: took(began),
	})
	invite, err := cleo.Node.Invite(ctx, time.Hour, false)
	if err != nil {
		return fmt.Errorf("%s's invite: %w", cleo.name, err)
	}
	if err := cleo.lie(); err != nil {
		return err
	}
	link := invite.String()
	d.print.say(line{Event: "asleep", Who: "Cleo sleeps", What: "she and Ada never met", Link: link})
	d.link = link
	return nil
}

// ready counts the relays that have all that they hand out for a device while it sleeps.
func ready(n *node.Node) (count int) {
	for _, r := range n.Relays() {
		if r.Ready {
			count++
		}
	}
	return count
}

// leave has Ada find Cleo by what her relays keep, and leave her a message; then one of the relays is killed.
func (d *demo) leave(ctx context.Context) error {
	ada, cleo := d.people[0], d.people[2]
	began := time.Now()
	account, err := ada.Add(ctx, d.link)
	if err != nil {
		return fmt.Errorf("%s adding %s: %w", ada.name, cleo.name, err)
	}
	s := said{from: ada, to: cleo, text: neverMet}
	err = ada.until(ctx, func() bool {
		c, err := ada.Node.Contact(account)
		return err == nil && len(c.Devices) > 0
	})
	if err != nil {
		return fmt.Errorf("%s did not find %s: %w: %s", ada.name, cleo.name, cause(ctx, err), s.why())
	}
	d.print.say(line{Event: "sought", Who: "Ada adds Cleo", What: "found by what her relays keep", Took: took(began)})

	began = time.Now()
	if s.ref, err = ada.Node.Send(ctx, account, neverMet, node.Ref{}); err != nil {
		return fmt.Errorf("%s sending %q to %s: %w", ada.name, neverMet, cleo.name, err)
	}
	d.said = append(d.said, s)
	var names string
	var count int
	err = ada.until(ctx, func() bool {
		m, err := ada.Node.Message(account, s.ref)
		names, count = d.keepers(&m)
		return err == nil && m.State() == node.Kept && count == len(d.relays)
	})
	if err != nil {
		return fmt.Errorf("%q from %s to %s is kept by %d of %d relays: %w: %s", neverMet, ada.name, cleo.name, count, len(d.relays), cause(ctx, err), s.why())
	}
	d.print.say(line{
		Event: "kept", Who: "Ada → Cleo", What: fmt.Sprintf("%q", neverMet), Count: count, Took: took(began),
		State: fmt.Sprintf("kept by %s (%d receipts)", names, count),
	})

	dies := d.relays[0]
	if err := dies.kill(); err != nil {
		return fmt.Errorf("killing relay %s: %w", dies.Name, err)
	}
	d.print.say(line{Event: "killed", Who: "relay " + dies.Name, What: "killed for good, and its disk with it"})
	return nil
}

// wakeUp has Cleo wake, and take what the other relays keep.
func (d *demo) wakeUp(ctx context.Context) error {
	ada, cleo := d.people[0], d.people[2]
	s := &d.said[len(d.said)-1]
	cleo.hush(false)
	began := time.Now()
	if err := cleo.wake(ctx, d.bootstrap()); err != nil {
		return err
	}
	err := cleo.until(ctx, func() bool {
		m, err := cleo.Node.Message(ada.Node.Account(), s.ref)
		return err == nil && m.Text == neverMet
	})
	if err != nil {
		return fmt.Errorf("%s woke, and has not got %q: %w", cleo.name, neverMet, cause(ctx, err))
	}
	shown := took(began)
	// A relay is told to delete only after what it gave was stored.
	if err := poll(ctx, func() bool { return slices.ContainsFunc(d.relays, (*volunteer).gave) }); err != nil {
		return fmt.Errorf("no relay was told that %s has %q: %w", cleo.name, neverMet, err)
	}
	var from []string
	for _, v := range d.relays {
		if v.gave() {
			from = append(from, v.Name)
		}
	}
	d.print.say(line{Event: "awake", Who: "Cleo wakes", What: "fetched from " + strings.Join(from, " and ") + ", shown once", Count: len(from), Took: shown})

	var state node.State
	err = ada.until(ctx, func() bool {
		m, err := ada.Node.Message(cleo.Node.Account(), s.ref)
		state = m.State()
		return err == nil && arrived(&m)
	})
	if err != nil {
		return fmt.Errorf("%s was not told that %s has %q: %w: %s", ada.name, cleo.name, neverMet, cause(ctx, err), s.why())
	}
	d.print.say(line{Event: "delivered", Who: "Ada sees", What: fmt.Sprintf("%s to Cleo's device %d", state, cleo.Node.Device()), Took: took(began)})
	return nil
}

// bootstrap is a node that leads into the mesh.
func (d *demo) bootstrap() p2p.Peer {
	h := d.mesh.Hosts[0]
	return p2p.Peer{Key: h.Key(), Addrs: h.Addrs()}
}

// errTold is what ends the demo when a relay was given what it must not know.
var errTold = errors.New("was given what it must not know: a text, or whose post it keeps")

// tellRelays says what a relay that lives saw, after it was looked through for what no relay may know.
func (d *demo) tellRelays(secrets [][]byte) error {
	for _, v := range d.relays {
		if v.knows(secrets...) {
			return fmt.Errorf("relay %s %w", v.Name, errTold)
		}
	}
	v := d.relays[1]
	box, puts := v.saw()
	if len(puts) == 0 {
		return fmt.Errorf("relay %s kept nothing", v.Name)
	}
	first := puts[0]
	text := fmt.Sprintf("box %x…: %d bytes at %s", box[:2], first.size, first.at.Format(time.TimeOnly))
	if more := len(puts) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	total := 0
	for _, p := range puts {
		total += p.size
	}
	d.print.fact(line{
		Event: "relay", Who: "relay " + v.Name, Count: len(puts), Bytes: total,
		What: text + "; all sealed, no text and nobody's key in it",
	})
	return nil
}
