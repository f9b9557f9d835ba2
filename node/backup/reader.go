package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// maxHead is how long the head of an age file may be.
const maxHead = 64 << 10

// Reader reads a backup. It is for one goroutine. What it returned counts only once Next has returned io.EOF: until then
// the file may turn out to be cut short.
type Reader struct {
	parser
	zip *zstd.Decoder
}

// NewReader opens a backup. The error is ErrFormat, ErrKey, identity.ErrNewer for a format that needs a newer Linnet,
// ErrDamaged, or that of in. The Reader must be closed.
func NewReader(in io.Reader, key Key) (*Reader, error) {
	identities, err := key.identities()
	if err != nil {
		return nil, err
	}
	whole := bufio.NewReaderSize(in, maxHead)
	head, err := whole.Peek(maxHead)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading a backup: %w", err)
	}
	if _, err := age.ExtractHeader(bytes.NewReader(head)); err != nil { // age itself would read heads of any length
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	plain, err := age.Decrypt(whole, identities...)
	if err != nil {
		return nil, sayKey(err)
	}
	r := new(Reader)
	r.zip, err = zstd.NewReader(plain, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(2*window))
	if err != nil {
		return nil, damaged(err)
	}
	r.parser = *newParser(r.zip)
	if err := r.begin(); err != nil {
		r.zip.Close()
		return nil, err
	}
	return r, nil
}

// Close frees what the Reader holds. It does not close what the backup is read from.
func (r *Reader) Close() { r.zip.Close() }

func damaged(err error) error { return fmt.Errorf("%w: %w", ErrDamaged, err) }

// parser reads records from what was opened and unpacked.
type parser struct {
	in      *bufio.Reader
	hash    hash.Hash
	last    kind
	counts  [kindTrailer]uint64
	summary Summary
	buffer  []byte
	done    bool
}

func newParser(in io.Reader) *parser { return &parser{in: bufio.NewReader(in), hash: sha256.New()} }

// Summary returns what was read so far.
func (p *parser) Summary() Summary { return p.summary }

func (p *parser) begin() error {
	k, b, err := p.read()
	if err != nil {
		return err
	}
	var h header
	if k != kindHeader {
		return fmt.Errorf("%w: there is something else in it", ErrFormat)
	}
	if err := unmarshal(b, &h); err != nil {
		return err
	}
	if h.Version != Version {
		return identity.ErrNewer
	}
	p.summary.Made = time.UnixMilli(int64(min(h.Made, 1<<47)))
	p.keep(k)
	return nil
}

// Next returns the next record, which belongs to the caller. After the last it returns io.EOF, if the whole backup was
// what was written; otherwise ErrDamaged, identity.ErrNewer for what needs a newer Linnet, or the error of reading.
func (p *parser) Next() (Record, error) {
	if p.done {
		return nil, io.EOF
	}
	k, b, err := p.read()
	if err != nil {
		return nil, err
	}
	if err := follows(p.last, k, p.counts); err != nil {
		return nil, err
	}
	if k == kindTrailer {
		return nil, p.end(b)
	}
	r, err := parse(k, b)
	if err != nil {
		return nil, err
	}
	p.keep(k)
	p.summary.note(r)
	return r, nil
}

// read reads a record. What it returns is good until the next.
func (p *parser) read() (kind, []byte, error) {
	k, err := p.in.ReadByte()
	if err != nil {
		return 0, nil, damaged(cutShort(err))
	}
	size, err := binary.ReadUvarint(p.in)
	if err != nil {
		return 0, nil, damaged(cutShort(err))
	}
	if size > RecordSize {
		return 0, nil, fmt.Errorf("%w: a record is too large", ErrDamaged)
	}
	p.buffer = binary.AppendUvarint(append(p.buffer[:0], k), size)
	head := len(p.buffer)
	for left := int(size); left > 0; { // no more memory than there are bytes
		some := min(left, 64<<10)
		at := len(p.buffer)
		p.buffer = append(p.buffer, make([]byte, some)...)
		if _, err := io.ReadFull(p.in, p.buffer[at:]); err != nil {
			return 0, nil, damaged(cutShort(err))
		}
		left -= some
	}
	return kind(k), p.buffer[head:], nil
}

// keep counts the record that was read last.
func (p *parser) keep(k kind) {
	p.hash.Write(p.buffer)
	p.last = k
	p.counts[k]++
}

// end reads the trailer. The error is io.EOF if all is well.
func (p *parser) end(b []byte) error {
	var t trailer
	if err := unmarshal(b, &t); err != nil {
		return err
	}
	if t.Hash != [32]byte(p.hash.Sum(nil)) || !bytes.Equal(t.Counts, countBytes(p.counts)) {
		return fmt.Errorf("%w: it does not hold what its end says", ErrDamaged)
	}
	if _, err := p.in.ReadByte(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("there is something behind its end")
		}
		return damaged(err)
	}
	p.summary.Damaged, p.done = t.Damaged, true
	return io.EOF
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// unmarshal reads a body. The error is ErrDamaged or identity.ErrNewer.
func unmarshal(b []byte, v any) error {
	err := identity.Unmarshal(b, RecordSize, v)
	if err == nil || errors.Is(err, identity.ErrNewer) {
		return err
	}
	return damaged(err)
}

func parse(k kind, b []byte) (Record, error) {
	var r Record
	switch k {
	case kindAccount:
		r = new(Account)
	case kindContact:
		r = new(Contact)
	case kindClock:
		r = new(Clock)
	case kindDelivery:
		r = new(Delivery)
	case kindWaiting:
		r = new(Waiting)
	case kindItem:
		var body itemBody
		if err := unmarshal(b, &body); err != nil {
			return nil, err
		}
		it, err := chat.ParseItem(body.Item)
		switch {
		case errors.Is(err, identity.ErrNewer):
			return nil, err
		case err != nil:
			return nil, damaged(err)
		case body.Conversation.IsZero():
			return nil, fmt.Errorf("%w: a message of no conversation", ErrDamaged)
		}
		return &Item{Conversation: body.Conversation, Item: it}, nil
	case kindHeader, kindTrailer:
		return nil, fmt.Errorf("%w: records are out of order", ErrDamaged)
	default:
		return nil, fmt.Errorf("%w: kind %d", ErrDamaged, k)
	}
	return r, unmarshal(b, r)
}
