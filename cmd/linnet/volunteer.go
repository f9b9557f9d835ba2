package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/mailbox/disk"
	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/p2p"
)

// volunteer is a relay of the demo: the server, the store and the kind of host that linnet-relay has, with its own key and
// folder. It writes down what it is given, and what it does for whom. Close may be called again.
type volunteer struct {
	Name    string
	Host    *p2p.Host
	Address string // what people paste

	key    node.TransportKey
	folder string
	store  *disk.Store
	server *mailbox.Server
	cancel context.CancelFunc
	group  sync.WaitGroup
	errs   [2]error // of the network, and of the server

	mu    sync.Mutex
	given []byte // on its lanes, the first maxWitnessed bytes of all
	all   int
	boxes map[mailbox.BoxID]*boxSeen
}

// boxSeen is what a relay knows of a box.
type boxSeen struct {
	puts  []postSeen
	taken int // posts, by the owner
}

// postSeen is what a relay knows of a post.
type postSeen struct {
	size int
	at   time.Time
}

// openVolunteer opens and runs a relay on this machine, and makes it one of the mesh.
func openVolunteer(ctx context.Context, m *mesh, name, folder string) (_ *volunteer, err error) {
	v := &volunteer{Name: name, folder: folder, boxes: make(map[mailbox.BoxID]*boxSeen)}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	v.cancel = cancel
	defer func() {
		if err != nil {
			err = fmt.Errorf("relay %s: %w", name, errors.Join(err, v.Close()))
		}
	}()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder: %w", err)
	}
	key, err := p2p.LoadKey(filepath.Join(folder, "key"))
	if err != nil {
		return nil, err
	}
	if v.store, err = disk.Open(disk.Config{Folder: filepath.Join(folder, "post"), MinFree: 1, Small: true}); err != nil { //nolint:contextcheck // what a store tidies by itself ends with its Close
		return nil, err
	}
	if v.Host, err = p2p.New(onLoopback(p2p.Config{Role: p2p.Relay, Key: key})); err != nil {
		return nil, err
	}
	if v.server, err = mailbox.New(mailbox.Config{Key: key, Store: watchedStore{v.store, v}, Publish: v.Host}); err != nil {
		return nil, err
	}
	v.Host.Lane(p2p.Mailbox).Handle(func(node mailbox.NodeKey, conn net.Conn) { v.server.Serve(node, givenConn{conn, v}) })
	v.group.Go(func() { v.errs[0] = v.Host.Run(life) })
	v.group.Go(func() { v.errs[1] = v.server.Run(life) })
	for _, h := range m.Hosts {
		if err := v.Host.Join(ctx, h.Key(), h.Addrs()); err != nil {
			return nil, fmt.Errorf("joining the mesh: %w", err)
		}
	}
	v.key = v.Host.Key()
	v.Address = mailbox.Address{Key: v.key, Addrs: peerOf(v.Host).Addrs}.String()
	return v, nil
}

// Close cuts the relay off from the network, ends it, and waits until nothing of it is left but its folder.
func (v *volunteer) Close() error {
	var errs []error
	if v.Host != nil {
		errs = append(errs, v.Host.Close())
	}
	v.cancel()
	v.group.Wait()
	errs = append(errs, v.errs[:]...)
	if v.store != nil {
		errs = append(errs, v.store.Close())
	}
	v.Host, v.store, v.errs = nil, nil, [2]error{}
	return errors.Join(errs...)
}

// kill ends the relay for good: nobody is told, and its disk is gone.
func (v *volunteer) kill() error { return errors.Join(v.Close(), os.RemoveAll(v.folder)) }

// box calls look with what the relay knows of a box.
func (v *volunteer) box(id mailbox.BoxID, look func(*boxSeen)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.boxes[id] == nil {
		v.boxes[id] = new(boxSeen)
	}
	look(v.boxes[id])
}

// gave tells whether the owner of the only box has taken something from it.
func (v *volunteer) gave() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, b := range v.boxes {
		if b.taken > 0 {
			return true
		}
	}
	return false
}

// saw returns a box and the posts that came into it.
func (v *volunteer) saw() (id mailbox.BoxID, puts []postSeen) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for box, b := range v.boxes {
		if len(b.puts) > 0 {
			return box, slices.Clone(b.puts)
		}
	}
	return id, nil
}

// knows tells whether any of these was in what the relay was given. It is true also where not all was looked at.
func (v *volunteer) knows(secrets ...[]byte) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.all != len(v.given) || slices.ContainsFunc(secrets, func(s []byte) bool { return bytes.Contains(v.given, s) })
}

// givenConn writes down what a relay is given.
type givenConn struct {
	net.Conn
	v *volunteer
}

func (c givenConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.v.mu.Lock()
	defer c.v.mu.Unlock()
	c.v.all += n
	c.v.given = append(c.v.given, b[:min(n, maxWitnessed-len(c.v.given))]...)
	return n, err
}

// watchedStore writes down what becomes of boxes, once it is durable.
type watchedStore struct {
	mailbox.Store
	v *volunteer
}

func (s watchedStore) Put(ctx context.Context, posts []mailbox.Deposit) []mailbox.Kept {
	kept := s.Store.Put(ctx, posts)
	for i, k := range kept {
		if k.Err == nil && !k.Old {
			s.v.box(posts[i].Box, func(b *boxSeen) { b.puts = append(b.puts, postSeen{int(k.Size), time.Now()}) })
		}
	}
	return kept
}

func (s watchedStore) Ack(ctx context.Context, box mailbox.BoxID, names []mailbox.Name) ([]mailbox.Item, error) {
	gone, err := s.Store.Ack(ctx, box, names)
	s.v.box(box, func(b *boxSeen) { b.taken += len(gone) })
	return gone, err
}

// openRelays opens the relays, all at once.
func (d *demo) openRelays(ctx context.Context) error {
	open := make([]*volunteer, len(relayNames))
	var all errgroup.Group
	for i, name := range relayNames {
		all.Go(func() (err error) {
			open[i], err = openVolunteer(ctx, d.mesh, name, filepath.Join(d.folder, name))
			return err
		})
	}
	err := all.Wait()
	for _, v := range open {
		if v != nil {
			d.relays = append(d.relays, v)
		}
	}
	return err
}

// keepers says which relays keep a message, and until when, and counts them.
func (d *demo) keepers(m *node.Message) (text string, count int) {
	var last string
	for _, v := range d.relays {
		for _, w := range m.Deliveries {
			for _, k := range w.Keepers {
				if k.Relay != v.key {
					continue
				}
				until := time.UnixMilli(int64(k.Until)).Format("2 Jan")
				switch {
				case count == 0:
					text = v.Name
				case until == last:
					text += ", " + v.Name
				default:
					text += " until " + last + ", " + v.Name
				}
				last = until
				count++
			}
		}
	}
	return text + " until " + last, count
}
