package mailbox_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/mailbox/mailboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is one relay, and lanes to it. What its connections are made of is up to each test.
type world struct {
	t      testing.TB
	key    identity.TransportPrivateKey
	store  *mailboxtest.Memory
	server *mailbox.Server
	at     mailbox.Place
	addr   net.Addr // of who dials
	stop   func()
	config mailbox.Config

	mu    sync.Mutex
	conns []net.Conn // of the clients
}

func newWorld(t testing.TB, c mailbox.Config) *world {
	t.Helper()
	w := &world{t: t, key: identity.GenerateTransportKey(), store: &mailboxtest.Memory{}, addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}}
	c.Key, c.Store = w.key, w.store
	w.config = c
	w.at = mailbox.Place{Relay: w.key.Public()}
	w.begin()
	return w
}

// begin starts the relay.
func (w *world) begin() {
	w.t.Helper()
	s, err := mailbox.New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	w.server = s
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
}

// restart starts it anew, over the same store.
func (w *world) restart() {
	w.stop()
	w.begin()
}

// fromConn says where a connection comes from.
type fromConn struct {
	net.Conn
	addr net.Addr
}

func (c fromConn) RemoteAddr() net.Addr { return c.addr }

// Dial connects to the relay.
func (w *world) Dial(_ context.Context, key identity.TransportKey, _ []string) (net.Conn, error) {
	if key != w.key.Public() {
		return nil, errors.New("nobody there")
	}
	here, there := net.Pipe()
	w.mu.Lock()
	w.conns = append(w.conns, here)
	w.mu.Unlock()
	node := identity.GenerateTransportKey().Public()
	s := w.server
	go s.Serve(node, fromConn{there, w.addr})
	return here, nil
}

// cut breaks all connections.
func (w *world) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

func (w *world) client() *mailbox.Client { return mailbox.NewClient(w) }

// owner is a person with a box.
type owner struct {
	key    identity.BoxPrivateKey
	box    mailbox.BoxID
	secret mailbox.Secret
	mint   mailbox.Mint
	by     mailbox.Reader
}

func newOwner(relay identity.TransportKey) *owner {
	o := &owner{key: identity.GenerateBoxKey(), secret: mailbox.NewSecret()}
	o.box = o.key.Public()
	o.mint = o.secret.Mint(relay, o.box)
	o.by = mailbox.Reader{Key: o.key}
	return o
}

// open opens a box of a kind, and fails the test if that fails.
func (w *world) open(c *mailbox.Client, kind mailbox.Kind) *owner {
	w.t.Helper()
	o := newOwner(w.at.Relay)
	if _, err := c.Open(context.Background(), w.at, o.key, mailbox.Opening{Kind: kind, Secret: o.secret}); err != nil {
		w.t.Fatal(err)
	}
	return o
}

// token returns a token of a fresh class.
func (o *owner) token() mailbox.Token {
	return o.mint.Token(mailbox.NewClass(), time.Now().Add(1000*24*time.Hour), 0, 0)
}

// letter returns a random post.
func letter(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b)
	return b
}

// fetchAll returns all that lies in a box.
func (w *world) fetchAll(c *mailbox.Client, by mailbox.Reader) (posts []mailbox.Post) {
	w.t.Helper()
	_, err := c.Fetch(context.Background(), w.at, by, mailbox.Cursor{}, func(b mailbox.Batch) error {
		posts = append(posts, b.Posts...)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return posts
}
