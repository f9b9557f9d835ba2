package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dgraph-io/ristretto/v2/z"
)

// Badger reads its logs until the first entry whose checksum is wrong, and drops the rest. Mending finds the next good entry
// and fills the gap, byte for byte, with an entry that means nothing: so a flipped byte costs one record, not all after it.
//
//	log     key ID (8) ‖ IV (12) ‖ entries ‖ zeros
//	entry   meta (1) ‖ user meta (1) ‖ size of key ‖ size of value ‖ expiry (uvarints) ‖ key ‖ value ‖ CRC-32C (4)
//
// A key ends with the time of its transaction (8); the last entry of a transaction has that as a decimal text.
const (
	logHead  = 8 + 12
	metaTxn  = 1 << 6 // of a transaction
	metaFin  = 1 << 7 // its end
	maxKey   = 128
	maxValue = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// entry is one of a log.
type entry struct {
	meta       byte
	key, value []byte
	size       int
}

// readEntry reads the entry at the beginning of b; ok is false if there is none, or a damaged one.
func readEntry(b []byte) (e entry, ok bool) {
	if len(b) < 2+3+4 || b[1] != 0 {
		return e, false
	}
	n := 2
	var sizes [3]uint64
	for i := range sizes {
		v, m := binary.Uvarint(b[n:min(n+10, len(b))])
		if m <= 0 {
			return e, false
		}
		sizes[i], n = v, n+m
	}
	if sizes[0] < 9 || sizes[0] > maxKey || sizes[1] > maxValue {
		return e, false
	}
	k, v := int(sizes[0]), int(sizes[1])
	if len(b) < n+k+v+4 || crc32.Checksum(b[:n+k+v], castagnoli) != binary.BigEndian.Uint32(b[n+k+v:]) {
		return e, false
	}
	return entry{b[0], b[n : n+k], b[n+k : n+k+v], n + k + v + 4}, true
}

// ts returns the time of the transaction that an entry belongs to, 0 if it belongs to none.
func (e *entry) ts() uint64 {
	switch {
	case e.meta&metaTxn != 0:
		return ^binary.BigEndian.Uint64(e.key[len(e.key)-8:])
	case e.meta&metaFin != 0:
		n, _ := strconv.ParseUint(string(e.value), 10, 64)
		return n
	}
	return 0
}

// fill writes an entry that means nothing over all of gap; a text, if there is one, is its value.
func fillGap(gap []byte, meta byte, ts uint64, text string) bool {
	for k := 9; k <= maxKey; k++ {
		for head := 5; head <= 8; head++ {
			v := len(gap) - head - k - 4
			if v < 0 || text != "" && v != len(text) {
				continue
			}
			b := append(make([]byte, 0, len(gap)), meta, 0)
			b = binary.AppendUvarint(b, uint64(k))
			b = binary.AppendUvarint(b, uint64(v))
			b = append(b, 0)
			if len(b) != head {
				continue
			}
			b = append(b, filler)
			b = append(b, make([]byte, k-9)...)
			b = binary.BigEndian.AppendUint64(b, ^ts)
			b = append(b, text...)
			b = append(b, make([]byte, v-len(text))...)
			b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
			copy(gap, b)
			return true
		}
	}
	return false
}

// mendLog mends the entries of a log, and tells how many gaps it filled. What is torn at the end is left as it is.
func mendLog(b []byte) (gaps int) {
	if len(b) < logHead {
		return 0
	}
	if binary.BigEndian.Uint64(b) != 0 { // there are no keys
		clear(b[:8])
		gaps++
	}
	open := uint64(0) // the transaction that has not ended
	for at := logHead; at < len(b); {
		e, ok := readEntry(b[at:])
		if ok {
			if open = e.ts(); e.meta&metaFin != 0 {
				open = 0
			}
			at += e.size
			continue
		}
		next, after, found := nextEntry(b, at)
		if !found {
			return gaps
		}
		gap, ts := b[at:next], after.ts()
		var filled bool
		switch {
		case open != 0 && ts != open: // the end of the transaction was hit
			filled = fillGap(gap, metaFin, 0, strconv.FormatUint(open, 10))
		case ts != 0:
			filled = fillGap(gap, metaTxn, ts, "")
		default:
			filled = fillGap(gap, 0, 1, "")
		}
		if !filled {
			return gaps
		}
		gaps++
	}
	return gaps
}

// nextEntry finds the first good entry behind what is damaged. A mebibyte of zeros is the end.
func nextEntry(b []byte, at int) (next int, e entry, ok bool) {
	zeros := 0
	for next = at + 1; next < len(b) && zeros < 1<<20; next++ {
		if b[next] != 0 {
			zeros = 0
		} else {
			zeros++
		}
		if m := b[next] &^ (metaTxn | metaFin); m > 7 {
			continue
		}
		if e, ok = readEntry(b[next:]); ok {
			return next, e, true
		}
	}
	return 0, e, false
}

// mendFile mends a log in its file.
func mendFile(path string) (gaps int, err error) {
	info, err := os.Stat(path) //nolint:gosec // a file of the store's own folder
	if err != nil || info.Size() < logHead {
		return 0, err
	}
	f, err := z.OpenMmapFile(path, os.O_RDWR, int(info.Size()))
	if err != nil {
		return 0, fmt.Errorf("mending a log: %w", err)
	}
	gaps = mendLog(f.Data)
	if gaps > 0 {
		err = f.Sync()
	}
	return gaps, errors.Join(err, f.Close(-1))
}

// mend makes readable what Badger could not open, or would cut off: its manifest, tables and logs. It returns what it mended.
func (b *badger) mend() (names []string, err error) {
	names, err = b.mendTables()
	if err != nil {
		return nil, err
	}
	logs, err := fs.Glob(os.DirFS(b.path), "*.mem")
	if err != nil {
		return nil, fmt.Errorf("looking for logs: %w", err)
	}
	values, err := fs.Glob(os.DirFS(b.path), "*.vlog")
	if err != nil {
		return nil, fmt.Errorf("looking for logs: %w", err)
	}
	if slices.Sort(values); len(values) > 0 {
		logs = append(logs, values[len(values)-1]) // the others are not read through
	}
	for _, name := range logs {
		gaps, err := mendFile(filepath.Join(b.path, name))
		if err != nil {
			return nil, err
		}
		if gaps > 0 {
			names = append(names, "log")
		}
	}
	return names, nil
}

// collectable tells whether the file of the value log that Badger would collect next is whole: it would drop what lies
// behind a damaged entry. It returns how many bytes in it are live, and would be written again.
func (b *badger) collectable() (live int64, ok bool) {
	stats, err := os.ReadFile(filepath.Join(b.path, "DISCARD"))
	if err != nil {
		return 0, false
	}
	file, most := uint64(0), uint64(0)
	for ; len(stats) >= 16; stats = stats[16:] {
		if id, n := binary.BigEndian.Uint64(stats), binary.BigEndian.Uint64(stats[8:]); id == 0 {
			break
		} else if n > most {
			file, most = id, n
		}
	}
	path := filepath.Join(b.path, fmt.Sprintf("%06d.vlog", file))
	if most == 0 {
		return 0, false
	}
	info, err := os.Stat(path) //nolint:gosec // a number in the store's own folder
	if err != nil {
		return 0, true // Badger passes it over
	}
	live = max(info.Size()-int64(most), 0)
	values, err := fs.Glob(os.DirFS(b.path), "*.vlog")
	if err != nil || len(values) == 0 {
		return 0, false
	}
	if slices.Sort(values); strings.HasSuffix(path, values[len(values)-1]) {
		return 0, true // it is being written, and Badger leaves it alone
	}
	_, err = mendFile(path)
	return live, err == nil
}
