package vault

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/linnetmesh/linnet/crypto/identity"
	"github.com/linnetmesh/linnet/node/chat"
)

// MaxFound is how many items a Search finds at most, the newest.
const MaxFound = 10_000

// Query is what to look for.
type Query struct {
	Text         string              // at most 256 bytes; upper and lower case are the same, as unicode.SimpleFold has it
	Conversation chat.ConversationID // zero for all
	Me           identity.Account    // whose device this is: what has disappeared, or was viewed once, is not found
	Now          time.Time
}

// searchBatch is how many records go to a reader at once.
const searchBatch = 256

// Search calls f for the items whose text, attachment names or contact card contain the query, the newest first, until f
// returns false. It finds what is shown: of an edited message the last text, nothing that was deleted, erased, viewed once
// or has disappeared. It opens every record of the conversation, so it takes about 3 µs for each on two cores; the first
// call of f comes after the last of them. The error is that of ctx, ErrSize, ErrClosed, or the disk's.
func (v *Vault) Search(ctx context.Context, q Query, f func(chat.ConversationID, *chat.Item) bool) error {
	if q.Text == "" || len(q.Text) > 256 || !utf8.ValidString(q.Text) {
		return fmt.Errorf("%w: query", ErrSize)
	}
	if err := v.enter(); err != nil {
		return err
	}
	defer v.leave()
	from := items.at()
	if !q.Conversation.IsZero() {
		from = items.at(q.Conversation[:])
	}
	found, err := v.find(ctx, q, from)
	if err != nil {
		return err
	}
	for _, key := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		value, err := v.get([]byte(key))
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrDamaged) {
			continue // it went, or moved, meanwhile
		}
		if err != nil {
			return err
		}
		c, _, _ := parseItemKey([]byte(key))
		if it, err := v.parseItem([]byte(key), value); err == nil && q.shows(it) && !f(c, it) {
			return nil
		}
	}
	return nil
}

// records are some records, one behind the other: size (4) ‖ key ‖ size (4) ‖ value.
type records []byte

func (r records) add(key, value []byte) records {
	r = append(binary.BigEndian.AppendUint32(r, uint32(len(key))), key...)
	return append(binary.BigEndian.AppendUint32(r, uint32(len(value))), value...)
}

func (r *records) next() []byte {
	n := binary.BigEndian.Uint32(*r)
	b := (*r)[4 : 4+n]
	*r = (*r)[4+n:]
	return b
}

// find returns the keys of what matches, the newest first. One goroutine reads and the others open; they have ended when
// it returns.
func (v *Vault) find(ctx context.Context, q Query, from []byte) ([]string, error) {
	readers := max(1, runtime.GOMAXPROCS(0))
	full, empty := make(chan records, readers), make(chan records, 2*readers)
	results := make([]newest, readers)
	var wait sync.WaitGroup
	for i := range readers {
		wait.Go(func() {
			m := matcher{vault: v, query: q, folded: fold(nil, []byte(q.Text))}
			for r := range full {
				for rest := r; len(rest) > 0; {
					key := rest.next()
					if sealed := rest.next(); m.match(key, sealed) {
						results[i].add(key)
					}
				}
				select {
				case empty <- r[:0]:
				default:
				}
			}
		})
	}
	var batch records
	n := 0
	pass := func() {
		if len(batch) == 0 {
			return
		}
		full <- batch
		n = 0
		select {
		case batch = <-empty:
		default:
			batch = nil
		}
	}
	err := v.store.scan(from, after(from), false, func(key, sealed []byte) error {
		if len(key) != itemKeySize {
			return nil
		}
		batch = batch.add(key, sealed)
		if n++; n < searchBatch && len(batch) < 1<<20 {
			return nil
		}
		pass()
		return ctx.Err()
	})
	pass()
	close(full)
	wait.Wait()
	if err != nil {
		return nil, err
	}
	var all newest
	for _, r := range results {
		for _, key := range r.keys {
			all.add([]byte(key))
		}
	}
	all.trim()
	return all.keys, nil
}

// newest keeps the keys of the MaxFound newest items, and up to as many more until trim.
type newest struct{ keys []string }

func (n *newest) add(key []byte) {
	if n.keys = append(n.keys, string(key)); len(n.keys) >= 2*MaxFound {
		n.trim()
	}
}

// trim sorts the keys by place, the newest first, and drops the oldest.
func (n *newest) trim() {
	slices.SortFunc(n.keys, func(a, b string) int {
		if c := strings.Compare(b[33:], a[33:]); c != 0 { // time, author and ID
			return c
		}
		return strings.Compare(a, b)
	})
	n.keys = n.keys[:min(len(n.keys), MaxFound)]
}

// matcher looks into records. It is for one goroutine.
type matcher struct {
	vault         *Vault
	query         Query
	folded        []byte
	value, buffer []byte
}

// match tells whether the item in a record is to be found. Most are not, and are told from their bytes: a text lies in
// them in one piece. Only where these have what is looked for, the item is read.
func (m *matcher) match(key, sealed []byte) bool {
	v := m.vault
	v.keyMutex.RLock()
	value, _, err := v.keys.open(m.value[:0], key, sealed)
	v.keyMutex.RUnlock()
	if err != nil {
		_ = v.damaged(key)
		return false
	}
	m.value = value
	m.buffer = fold(m.buffer[:0], value)
	if !bytes.Contains(m.buffer, m.folded) {
		return false
	}
	it, err := v.parseItem(key, value)
	return err == nil && m.query.shows(it)
}

// shows tells whether what is shown of the item has the text.
func (q *Query) shows(it *chat.Item) bool {
	l, ok := it.Line(q.Me, q.Now)
	if !ok {
		return false
	}
	want := fold(nil, []byte(q.Text))
	has := func(s string) bool { return bytes.Contains(fold(nil, []byte(s)), want) }
	if has(l.Text) || l.Contact != nil && has(l.Contact.Name) {
		return true
	}
	return slices.ContainsFunc(l.Attachments, func(a chat.Attachment) bool { return has(a.Name) })
}

// fold appends b with every character replaced by the least that differs from it by case alone. Bytes that are no UTF-8
// stay as they are, so a text within other bytes is folded as the text alone is.
func fold(dst, b []byte) []byte {
	for i := 0; i < len(b); {
		if c := b[i]; c < utf8.RuneSelf {
			if 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, b[i])
		} else {
			dst = utf8.AppendRune(dst, least(r))
		}
		i += n
	}
	return dst
}

// least returns the least of the characters that differ from r by case alone.
func least(r rune) rune {
	if table := leastTable(); int(r) < len(table) {
		return rune(table[r])
	}
	return leastOf(r)
}

// leastTable holds what most scripts need: unicode.SimpleFold alone would take most of the time of a search.
var leastTable = sync.OnceValue(func() *[0x3000]uint16 {
	var t [0x3000]uint16
	for r := range t {
		t[r] = uint16(leastOf(rune(r))) // the least is not above r
	}
	return &t
})

func leastOf(r rune) rune {
	low := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		low = min(low, next)
	}
	return low
}
