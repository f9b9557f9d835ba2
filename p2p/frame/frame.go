// Package frame reads and writes length-prefixed messages on a stream.
//
//	frame = length (uvarint, in the fewest bytes) ‖ body
//
// Every protocol of Linnet speaks in such frames, of at most Max bytes. The length is checked before memory is taken, and
// memory is taken as the body comes, so a peer that announces much and sends nothing costs little. Each frame has a
// deadline as a whole: a peer that sends a byte now and then does not keep a reader for longer.
//
// Source: unsigned varints as in Protocol Buffers, "Encoding"; the fewest bytes, as in multiformats.
package frame

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Max is the largest body of a frame in bytes.
const Max = 72 << 10

// firstGrowth is the memory in bytes that is taken for a body before any of it came.
const firstGrowth = 2 << 10

// growth is by how much that grows whenever it is full.
const growth = 4

// maxPrefix is the size of the length of the largest body.
const maxPrefix = 3

var (
	// ErrTooLarge says that a body is larger than the stream's limit.
	ErrTooLarge = errors.New("frame: too large")
	// ErrMalformed says that a length is not written in the fewest bytes, or that the stream ended inside a frame.
	ErrMalformed = errors.New("frame: malformed")
)

// Stream reads and writes frames on a connection. One goroutine may read while another writes; no two may do the same at
// once. After an error the stream is of no more use, for nobody knows where the next frame begins: close it.
type Stream struct {
	conn     net.Conn
	in       *bufio.Reader
	limit    int
	patience time.Duration
	out      []byte // of the last frame written
}

// New returns a Stream on a connection. A body may have at most limit bytes, from 1 to Max; each frame must be read or
// written whole within patience. It panics for another limit or no patience, which is a mistake in the program.
func New(conn net.Conn, limit int, patience time.Duration) *Stream {
	if limit < 1 || limit > Max || patience <= 0 {
		panic(fmt.Sprintf("frame: limit %d, patience %v", limit, patience))
	}
	return &Stream{conn: conn, in: bufio.NewReaderSize(conn, 4<<10), limit: limit, patience: patience}
}

// Close closes the connection. It may be called at any time, also to wake a reader or writer.
func (s *Stream) Close() error { return s.conn.Close() }

// Read returns the body of the next frame, which is the caller's own. It waits for the frame's first byte as long as for
// the whole: patience. The error is io.EOF if the stream ends between frames, ErrTooLarge, ErrMalformed, or the
// connection's own (os.ErrDeadlineExceeded when patience ends).
func (s *Stream) Read() ([]byte, error) { return s.ReadWithin(s.patience) }

// ReadWithin is Read with another patience, for a peer that may be silent for long. No patience at all waits without end
// for the first byte of the frame, and then as Read does.
func (s *Stream) ReadWithin(patience time.Duration) ([]byte, error) {
	if patience <= 0 {
		if s.in.Buffered() == 0 {
			if err := s.readBy(time.Time{}); err != nil {
				return nil, err
			}
			if _, err := s.in.Peek(1); err != nil {
				return nil, err
			}
		}
		patience = s.patience
	}
	if !s.whole() { // else nobody waits
		if err := s.readBy(time.Now().Add(patience)); err != nil {
			return nil, err
		}
	}
	n, err := s.length()
	if err != nil {
		return nil, err
	}
	// It grows as the body comes, and not at once to what was announced.
	body := make([]byte, min(n, firstGrowth))
	for have := 0; ; {
		m, err := io.ReadFull(s.in, body[have:])
		have += m
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("%w: %d of %d bytes", ErrMalformed, have, n)
		case err != nil:
			return nil, fmt.Errorf("reading body: %w", err)
		case have == n:
			return body, nil
		}
		more := make([]byte, min(n, growth*have))
		copy(more, body)
		body = more
	}
}

// whole tells whether the next frame was read ahead.
func (s *Stream) whole() bool {
	have := s.in.Buffered()
	b, _ := s.in.Peek(min(have, maxPrefix)) // is there
	n, prefix := binary.Uvarint(b)
	return prefix > 0 && n <= uint64(have-prefix)
}

// readBy sets the read deadline. A connection that is closed takes none, and needs none: what lies in the buffer can still
// be read, and then the read says so.
func (s *Stream) readBy(t time.Time) error {
	err := s.conn.SetReadDeadline(t)
	if errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// length reads the length of a body.
func (s *Stream) length() (int, error) {
	n := uint64(0)
	for i := range maxPrefix {
		b, err := s.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && i > 0:
			return 0, ErrMalformed
		case err != nil:
			return 0, err
		case b == 0 && i > 0:
			return 0, fmt.Errorf("%w: a length of more bytes than it needs", ErrMalformed)
		}
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			if n > uint64(s.limit) {
				return 0, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, n, s.limit)
			}
			return int(n), nil
		}
	}
	return 0, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, s.limit)
}

// Write writes a body as one frame. The errors are ErrTooLarge, after which the stream is as it was, and the connection's
// own.
func (s *Stream) Write(body []byte) error {
	if len(body) > s.limit {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(body), s.limit)
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.patience)); err != nil {
		return err
	}
	s.out = append(binary.AppendUvarint(s.out[:0], uint64(len(body))), body...)
	_, err := s.conn.Write(s.out) // at once, so that a frame is not two packets
	return err
}
