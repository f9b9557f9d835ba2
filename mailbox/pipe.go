package mailbox

import (
	"bufio"
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/p2p/frame"
)

const (
	// patience is how long one frame may take, and one write.
	patience = 30 * time.Second
	// roomy is how many bytes may wait to be written before who has time waits.
	roomy = 256 << 10
	// maxSpare is how many places of a queue are kept for the next.
	maxSpare = 64
)

// pipe is a connection on which both sides send frames when they like. What is sent goes into a queue, from which one
// goroutine writes as much at a time as there is.
type pipe struct {
	conn net.Conn
	in   *frame.Stream

	mu     sync.Mutex
	queue  [][]byte
	spare  [][]byte // empty: the queue before
	size   int
	left   int           // bytes that were dropped unwritten
	err    error         // once set, nothing is sent any more
	wake   chan struct{} // buffered: there is something to write
	room   chan struct{} // closed and replaced whenever the queue was written
	closed chan struct{}
}

func newPipe(conn net.Conn) *pipe {
	return &pipe{
		conn:   conn,
		in:     frame.New(conn, frame.Max, patience),
		wake:   make(chan struct{}, 1),
		room:   make(chan struct{}),
		closed: make(chan struct{}),
	}
}

// read reads the next packet, however long nobody sends one.
func (p *pipe) read() (packet, error) {
	b, err := p.in.ReadWithin(0)
	if err != nil {
		return packet{}, err
	}
	return parsePacket(b)
}

// send queues frames' bodies, which must not be changed any more. It never waits.
func (p *pipe) send(bodies ...[]byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	p.queue = append(p.queue, bodies...)
	for _, b := range bodies {
		p.size += len(b)
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

// waitRoom waits until not too much waits to be written, or stop is closed or the pipe breaks; then it is false.
func (p *pipe) waitRoom(stop <-chan struct{}) bool {
	for {
		p.mu.Lock()
		room, fits := p.room, p.size < roomy
		p.mu.Unlock()
		if fits {
			return true
		}
		select {
		case <-room:
		case <-stop:
			return false
		case <-p.closed:
			return false
		}
	}
}

// shut closes the connection, once, for a reason.
func (p *pipe) shut(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = reason
		for _, b := range p.queue {
			p.left += len(b)
		}
		p.queue, p.size = nil, 0
		close(p.closed)
		_ = p.conn.Close()
	}
}

// writers are lent to pipes while they write: most are silent most of the time.
var writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 16<<10) }}

// write writes what is queued until the pipe is shut. Where several says that more than one is at work on this connection,
// they go first: one write for all that they send costs far less, and who is alone does not wait. done is told how many
// bytes of bodies were written.
func (p *pipe) write(several func() bool, done func(frames, bytes int)) {
	for {
		select {
		case <-p.wake:
		case <-p.closed:
			return
		}
		if several() {
			runtime.Gosched()
		}
		p.mu.Lock()
		queue, size := p.queue, p.size
		p.queue, p.spare = p.spare, nil
		p.mu.Unlock()
		if len(queue) == 0 {
			continue
		}
		frames, err := len(queue), p.writeAll(queue)
		clear(queue)
		p.mu.Lock()
		if cap(queue) <= maxSpare {
			p.spare = queue[:0]
		}
		if p.err == nil {
			p.size -= size
			close(p.room)
			p.room = make(chan struct{})
		}
		p.mu.Unlock()
		done(frames, size)
		if err != nil {
			p.shut(err)
			return
		}
	}
}

// deadlined gives each write to a connection patience.
type deadlined struct{ net.Conn }

func (d deadlined) Write(b []byte) (int, error) {
	if err := d.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	return d.Conn.Write(b)
}

// writeAll writes frames, in as few writes as there are: length (uvarint) ‖ body, as in p2p/frame.
func (p *pipe) writeAll(queue [][]byte) error {
	w := writers.Get().(*bufio.Writer)
	defer func() {
		w.Reset(nil)
		writers.Put(w)
	}()
	w.Reset(deadlined{p.conn})
	for _, b := range queue {
		if len(b) > frame.Max {
			return frame.ErrTooLarge
		}
		var n [binary.MaxVarintLen32]byte
		if _, err := w.Write(n[:binary.PutUvarint(n[:], uint64(len(b)))]); err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return w.Flush()
}

func isNewer(err error) bool { return errors.Is(err, identity.ErrNewer) }

// unsent returns how many bytes were never written, once nobody writes any more.
func (p *pipe) unsent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left
}
