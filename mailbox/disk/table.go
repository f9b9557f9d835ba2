package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"github.com/dgraph-io/ristretto/v2/z"
	"google.golang.org/protobuf/proto"
)

// recheckFile is there when a table was found damaged while the store was open: then all are read before it opens again,
// however many there are. maxDeep is how many bytes of tables are read at each start in any case: Badger says of what
// lies in a damaged block that it is not there.
const (
	recheckFile = "recheck"
	maxDeep     = 2 << 30
)

// recheck notes that tables must be read before the store opens again.
func (b *badger) recheck() {
	_ = os.WriteFile(filepath.Join(b.path, recheckFile), nil, 0o600)
}

// mendTables makes tables readable, as far as that goes, and a manifest that lists them. It returns what was damaged.
func (b *badger) mendTables() (names []string, err error) {
	manifest := filepath.Join(b.path, "MANIFEST")
	m, err := os.ReadFile(manifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	mended, whole := mendManifest(m)
	if mended {
		names = append(names, "manifest")
		if err := replace(manifest, m); err != nil {
			return nil, err
		}
	}
	if !whole {
		names = append(names, "manifest")
	}
	tables, err := fs.Glob(os.DirFS(b.path), "*.sst")
	if err != nil {
		return nil, fmt.Errorf("looking for tables: %w", err)
	}
	_, err = os.Stat(filepath.Join(b.path, recheckFile))
	recheck, size := err == nil, int64(0)
	for _, name := range tables {
		if info, err := os.Stat(filepath.Join(b.path, name)); err == nil {
			size += info.Size()
		}
	}
	deep := recheck || size <= maxDeep
	for _, name := range tables {
		path := filepath.Join(b.path, name)
		if checkTable(path, deep) == nil {
			continue
		}
		names, whole = append(names, "table"), false
		if err := salvage(path); err != nil {
			return nil, err
		}
	}
	if !whole {
		if err := b.writeManifest(manifest); err != nil {
			return nil, err
		}
	}
	err = nil
	if recheck {
		err = os.Remove(filepath.Join(b.path, recheckFile))
	}
	return names, err
}

// mendManifest tells whether a manifest is one that Badger reads, which one that is torn at the end is, and whether it
// mended sizes in it for that. A size that is too large looks like a torn end, and Badger would delete the tables behind it.
//
//	manifest   "Bdgr" ‖ 0 (2) ‖ version (2) ‖ sets: size (4) ‖ CRC-32C (4) ‖ protobuf
func mendManifest(b []byte) (mended, whole bool) {
	if len(b) < 8 || string(b[:8]) != manifestHead {
		return false, false
	}
	good := func(b []byte, sum uint32) bool {
		return crc32.Checksum(b, castagnoli) == sum && proto.Unmarshal(b, new(pb.ManifestChangeSet)) == nil
	}
	for b = b[8:]; len(b) >= 8; {
		head, n, sum := b[:4], uint64(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint32(b[4:])
		b = b[8:]
		if n > uint64(len(b)) || !good(b[:n], sum) {
			was := n
			for n = 1; n < min(uint64(len(b)), maxSet) && !good(b[:n], sum); n++ { //nolint:revive // it looks for the size
			}
			if n > uint64(len(b)) || !good(b[:n], sum) {
				return mended, was > uint64(len(b)) && was <= maxSet
			}
			binary.BigEndian.PutUint32(head, uint32(n))
			mended = true
		}
		b = b[n:]
	}
	return mended, true
}

// maxSet is the size of the largest set of changes in a manifest.
const maxSet = 64 << 10

// manifestHead is how the manifest of Badger 4 begins.
const manifestHead = "Bdgr\x00\x00\x00\x08"

// writeManifest writes a manifest that has every table in the first level, where they may overlap: which version of a
// record is the newest, the records say themselves.
func (b *badger) writeManifest(path string) error {
	tables, err := fs.Glob(os.DirFS(b.path), "*.sst")
	if err != nil {
		return fmt.Errorf("looking for tables: %w", err)
	}
	set := new(pb.ManifestChangeSet)
	for _, name := range tables {
		if id, ok := table.ParseFileID(name); ok {
			set.Changes = append(set.Changes, &pb.ManifestChange{Id: id, Op: pb.ManifestChange_CREATE})
		}
	}
	body, err := proto.Marshal(set)
	if err != nil {
		return fmt.Errorf("writing a manifest: %w", err)
	}
	m := binary.BigEndian.AppendUint32([]byte(manifestHead), uint32(len(body)))
	m = binary.BigEndian.AppendUint32(m, crc32.Checksum(body, castagnoli))
	return replace(path, append(m, body...))
}

// replace writes a file whole or not at all.
func replace(path string, b []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(path+".new", path), syncFolder(filepath.Dir(path)))
}

// readTable calls f with a table, whose blocks are checked as they are read.
func readTable(path string, f func(t *table.Table) error) (err error) {
	defer recoverDamage(&err)
	m, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			err = errors.Join(fmt.Errorf("%w: table: %v", ErrDamaged, r), m.Close(-1))
		}
	}()
	t, err := table.OpenTable(m, table.Options{ReadOnly: true, ChkMode: options.OnBlockRead, BlockSize: 4 << 10})
	if err != nil {
		return fmt.Errorf("%w: table: %w", ErrDamaged, err)
	}
	return errors.Join(f(t), m.Close(-1))
}

// checkTable tells whether Badger can open a table, and if deep is set, read it.
func checkTable(path string, deep bool) error {
	return readTable(path, func(t *table.Table) error {
		if deep {
			return t.VerifyChecksum()
		}
		return nil
	})
}

// A table is blocks of about 4 KiB, one after the other, and then an index of them (flatbuffer), without which Badger finds
// none. But each block says by itself what it is:
//
//	block   entries ‖ where each begins (4 each, in the machine's order) ‖ count (4) ‖ checksum (protobuf) ‖ its size (4)
//	entry   bytes shared with the first key (2) ‖ bytes of its own (2) ‖ these ‖ meta (1) ‖ user meta (1) ‖ expiry (uvarint) ‖ value
//
// maxBlock is the size of the largest block that there can be: values of 512 bytes and more lie elsewhere.
const maxBlock = 16 << 10

// salvage makes a table of all whole blocks of a damaged one, whatever else of it is damaged, its index too. One without
// any is put aside.
func salvage(path string) error {
	damaged, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading a table: %w", err)
	}
	o := table.Options{BlockSize: 4 << 10, BloomFalsePositive: 0.01, TableSize: 64 << 20, Compression: options.None}
	b := table.NewTableBuilder(o)
	defer b.Close()
	var last []byte
	for _, r := range readBlocks(damaged) {
		if last != nil && y.CompareKeys(r.key, last) <= 0 {
			continue
		}
		last = r.key
		size := uint32(0)
		if r.value.Meta&2 != 0 && len(r.value.Value) >= 8 { // a pointer: file, size, place
			size = binary.BigEndian.Uint32(r.value.Value[4:])
		}
		b.Add(r.key, r.value, size)
	}
	if last == nil {
		return os.Rename(path, path+".damaged")
	}
	return replace(path, b.Finish())
}

// record is one of a table.
type record struct {
	key   []byte
	value y.ValueStruct
}

// readBlocks returns the records of all whole blocks.
func readBlocks(b []byte) (all []record) {
	var ends []int // where blocks may end, by what their ends look like
	for end := 14; end <= len(b); end++ {
		if _, _, ok := blockTail(b[:end]); ok {
			ends = append(ends, end)
		}
	}
	for from, next := 0, 0; next < len(ends); {
		found := false
		for _, end := range ends[next:] {
			if end-from > maxBlock {
				break
			}
			if records, ok := readBlock(b[from:end]); ok {
				all, from, found = append(all, records...), end, true
				break
			}
		}
		if !found { // here is damage, or the index
			from++
		}
		for next < len(ends) && ends[next] <= from {
			next++
		}
		if !found && next < len(ends) && ends[next]-from > maxBlock {
			from = ends[next] - maxBlock
		}
	}
	return all
}

// blockTail reads what stands behind the entries and their places: how many these are, and their checksum.
func blockTail(b []byte) (count int, sum uint64, ok bool) {
	size := int(binary.BigEndian.Uint32(b[len(b)-4:]))
	// The checksum is CRC-32C, whose number is 0 and does not travel, and so it is field 2 alone.
	if size < 2 || size > 11 || len(b) < 4+size+4+4 || b[len(b)-4-size] != 2<<3 {
		return 0, 0, false
	}
	sum, n := binary.Uvarint(b[len(b)-4-size+1 : len(b)-4])
	if n != size-1 || sum > math.MaxUint32 {
		return 0, 0, false
	}
	count = int(binary.BigEndian.Uint32(b[len(b)-8-size:]))
	if count < 1 || count > maxBlock/8 || len(b) < 8+size+4*count {
		return 0, 0, false
	}
	return count, sum, true
}

// readBlock reads a block; ok is false for what is none, or a damaged one.
func readBlock(b []byte) (all []record, ok bool) {
	if len(b) < 14 {
		return nil, false
	}
	count, sum, ok := blockTail(b)
	if !ok {
		return nil, false
	}
	body := b[:len(b)-4-int(binary.BigEndian.Uint32(b[len(b)-4:]))]
	if uint64(crc32.Checksum(body, castagnoli)) != sum {
		return nil, false
	}
	places := body[len(body)-4-4*count : len(body)-4]
	entries := body[:len(body)-4-4*count]
	var first []byte
	for i := range count {
		begin, end := int(binary.NativeEndian.Uint32(places[4*i:])), len(entries)
		if i+1 < count {
			end = int(binary.NativeEndian.Uint32(places[4*i+4:]))
		}
		if begin < 0 || begin+4 > end || end > len(entries) {
			return nil, false
		}
		e := entries[begin:end]
		shared, own := int(binary.NativeEndian.Uint16(e)), int(binary.NativeEndian.Uint16(e[2:]))
		if e = e[4:]; shared > len(first) || len(e) < own+3 {
			return nil, false
		}
		key := append(bytes.Clone(first[:shared]), e[:own]...)
		if i == 0 {
			first = key
		}
		value := e[own:]
		expires, n := binary.Uvarint(value[2:])
		if n <= 0 || len(key) < 9 {
			return nil, false
		}
		all = append(all, record{key, y.ValueStruct{Meta: value[0], UserMeta: value[1], ExpiresAt: expires, Value: value[2+n:]}})
	}
	return all, true
}
