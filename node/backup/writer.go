package backup

import (
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
)

// window is how far back compression looks, in bytes.
const window = 4 << 20

// Writer writes a backup. It is for one goroutine. What was written without Close is no backup.
type Writer struct {
	records
	zip    *zstd.Encoder
	sealed io.WriteCloser
}

// NewWriter begins a backup. The error is ErrLock before anything is written, or that of out.
func NewWriter(out io.Writer, lock Lock, made time.Time) (*Writer, error) {
	recipients, err := lock.recipients()
	if err != nil {
		return nil, err
	}
	w := new(Writer)
	if w.sealed, err = age.Encrypt(out, recipients...); err != nil {
		return nil, fmt.Errorf("sealing a backup: %w", err)
	}
	if w.zip, err = pack(w.sealed); err != nil {
		return nil, err
	}
	w.records = *newRecords(w.zip)
	return w, w.begin(made)
}

func pack(out io.Writer) (*zstd.Encoder, error) {
	z, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
	if err != nil {
		return nil, fmt.Errorf("packing a backup: %w", err)
	}
	return z, nil
}

// Damaged says that something could not be read, and is not in the backup.
func (w *Writer) Damaged(records uint64) { w.summary.Damaged += records }

// Close ends the backup, and returns what is in it. It does not close what the backup is written to.
func (w *Writer) Close() (Summary, error) {
	s, err := w.end()
	if err = errors.Join(err, w.zip.Close()); err == nil {
		err = w.sealed.Close()
	}
	return s, err
}

// records writes records to what is packed and sealed.
type records struct {
	out     io.Writer
	hash    hash.Hash
	last    kind
	counts  [kindTrailer]uint64
	summary Summary
	buffer  []byte
}

func newRecords(out io.Writer) *records { return &records{out: out, hash: sha256.New()} }

func (w *records) begin(made time.Time) error {
	w.summary.Made = made
	return w.write(kindHeader, &header{Version: Version, Made: uint64(max(made.UnixMilli(), 0))})
}

// Put adds a record. Records come in the order in which Record lists them, and there is one Account. The errors are those
// of the values, and of writing.
func (w *records) Put(r Record) error {
	if err := follows(w.last, r.kind(), w.counts); err != nil {
		return err
	}
	var body any = r
	if it, ok := r.(*Item); ok {
		b, err := it.Item.AppendTo(nil)
		if err != nil {
			return fmt.Errorf("writing a message: %w", err)
		}
		body = &itemBody{Conversation: it.Conversation, Item: b}
	}
	if err := w.write(r.kind(), body); err != nil {
		return err
	}
	w.summary.note(r)
	return nil
}

func (w *records) end() (Summary, error) {
	if err := follows(w.last, kindTrailer, w.counts); err != nil {
		return Summary{}, err
	}
	t := trailer{Hash: [32]byte(w.hash.Sum(nil)), Counts: countBytes(w.counts), Damaged: w.summary.Damaged}
	return w.summary, w.write(kindTrailer, &t)
}

func (w *records) write(k kind, body any) error {
	b, err := identity.Marshal(body)
	if err != nil {
		return fmt.Errorf("writing a record: %w", err)
	}
	if len(b) > RecordSize {
		return identity.ErrSize
	}
	w.buffer = append(w.buffer[:0], byte(k))
	w.buffer = binary.AppendUvarint(w.buffer, uint64(len(b)))
	w.buffer = append(w.buffer, b...)
	w.hash.Write(w.buffer)
	if _, err := w.out.Write(w.buffer); err != nil {
		return fmt.Errorf("writing a backup: %w", err)
	}
	if w.last = k; k < kindTrailer {
		w.counts[k]++
	}
	return nil
}

// follows tells whether a record of one kind may come after one of another.
func follows(last, next kind, counts [kindTrailer]uint64) error {
	switch {
	case last == 0 && next == kindHeader, last == kindHeader && next == kindAccount:
		return nil
	case last < kindAccount || next < last || next == kindAccount || next > kindTrailer || last == kindTrailer:
		return fmt.Errorf("%w: records are out of order", ErrDamaged)
	case next == kindContact && counts[kindContact] >= MaxContacts:
		return fmt.Errorf("%w: too many contacts", ErrDamaged)
	}
	return nil
}

// countBytes is how the trailer has the counts: of each kind from the account on, 8 bytes.
func countBytes(counts [kindTrailer]uint64) (b []byte) {
	for _, n := range counts[kindAccount:] {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}
