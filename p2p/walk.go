package p2p

import (
	"context"
	"errors"
	"time"

	kadpb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-msgio/pbio"
)

// walk is a lookup of a record on its way through the DHT.
//
// The library's own lookups (SearchValue, GetValue) put what they found to the nodes that lacked it, so that a reader
// becomes a publisher, and hold back what is older than the best so far. Linnet walks with GetClosestPeers instead, which
// does neither, and whose FIND_NODE requests the messenger replaces by GET_VALUE: the answer to that has the same closer
// peers, and the record.
type walk struct {
	key     string
	arrived func(value []byte) // of each answer, nil if it has no record; by several goroutines at once
}

type walkKey struct{}

func (w *walk) with(ctx context.Context) context.Context {
	return context.WithValue(ctx, walkKey{}, w)
}

// messenger sends requests of the DHT, each on a stream of its own: the protocol is known from identify, so that costs no
// round trip, and no stream lies idle. Replies have at most maxReply bytes.
type messenger struct {
	host  host.Host
	proto protocol.ID
}

var _ kadpb.MessageSenderWithDisconnect = (*messenger)(nil)

// OnDisconnect does nothing: the messenger remembers nothing of a peer.
func (*messenger) OnDisconnect(context.Context, peer.ID) {}

// SendRequest sends a request and returns the reply. In a walk, it asks for the record.
func (m *messenger) SendRequest(ctx context.Context, to peer.ID, req *kadpb.Message) (*kadpb.Message, error) {
	w, ok := ctx.Value(walkKey{}).(*walk)
	if !ok || req.GetType() != kadpb.Message_FIND_NODE || string(req.GetKey()) != w.key {
		return m.request(ctx, to, req)
	}
	reply, err := m.request(ctx, to, kadpb.NewMessage(kadpb.Message_GET_VALUE, []byte(w.key), 0))
	if err != nil {
		return nil, err
	}
	var value []byte
	if r := reply.GetRecord(); string(r.GetKey()) == w.key {
		value = r.GetValue()
	}
	w.arrived(value)
	return reply, nil
}

// SendMessage sends a request that has no reply.
func (m *messenger) SendMessage(ctx context.Context, to peer.ID, req *kadpb.Message) error {
	s, done, err := m.open(ctx, to)
	if err != nil {
		return err
	}
	return done(pbio.NewDelimitedWriter(s).WriteMsg(req))
}

var errOtherReply = errors.New("p2p: reply to another request")

func (m *messenger) request(ctx context.Context, to peer.ID, req *kadpb.Message) (*kadpb.Message, error) {
	s, done, err := m.open(ctx, to)
	if err != nil {
		return nil, err
	}
	sent := time.Now()
	reply := new(kadpb.Message)
	err = pbio.NewDelimitedWriter(s).WriteMsg(req)
	if err == nil {
		err = pbio.NewDelimitedReader(s, maxReply).ReadMsg(reply)
	}
	if err == nil && reply.GetType() != req.GetType() {
		err = errOtherReply
	}
	if err := done(err); err != nil {
		return nil, err
	}
	m.host.Peerstore().RecordLatency(to, time.Since(sent)) // the table prefers the quick
	return reply, nil
}

// open opens a stream for one request. Done ends it, and returns the error it is given, or why the context ended.
func (m *messenger) open(ctx context.Context, to peer.ID) (s network.Stream, done func(error) error, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	s, err = m.host.NewStream(ctx, to, m.proto)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	return s, func(err error) error {
		defer cancel()
		switch {
		case !stop():
			return ctx.Err()
		case err != nil:
			_ = s.Reset()
			return err
		}
		_ = s.Close()
		return nil
	}, nil
}
