package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"github.com/dgraph-io/ristretto/v2/z"
	"google.golang.org/protobuf/proto"
)

// recheckFile is there when a table was found damaged while the store was open: then all are read before it opens again.
const recheckFile = "recheck"

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
	whole := wholeManifest(m)
	if !whole {
		names = append(names, "manifest")
	}
	_, err = os.Stat(filepath.Join(b.path, recheckFile))
	deep := err == nil
	tables, err := fs.Glob(os.DirFS(b.path), "*.sst")
	if err != nil {
		return nil, fmt.Errorf("looking for tables: %w", err)
	}
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
	if deep {
		err = os.Remove(filepath.Join(b.path, recheckFile))
	}
	return names, err
}

// wholeManifest tells whether a manifest is one that Badger reads. One that is torn at the end is.
//
//	manifest   "Bdgr" ‖ 0 (2) ‖ version (2) ‖ sets: size (4) ‖ CRC-32C (4) ‖ protobuf
func wholeManifest(b []byte) bool {
	if len(b) < 8 || string(b[:8]) != manifestHead {
		return false
	}
	for b = b[8:]; len(b) >= 8; {
		n, sum := int(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint32(b[4:])
		if b = b[8:]; len(b) < n {
			return n <= 64<<10
		}
		if crc32.Checksum(b[:n], castagnoli) != sum || proto.Unmarshal(b[:n], new(pb.ManifestChangeSet)) != nil {
			return false
		}
		b = b[n:]
	}
	return true
}

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

// salvage makes a table of what can be read of a damaged one: from the front up to the damage, and from the back. One
// that cannot be opened at all is put aside.
func salvage(path string) error {
	type record struct {
		key   []byte
		value y.ValueStruct
	}
	var front, back []record
	err := readTable(path, func(t *table.Table) error {
		collect := func(options int, stop []byte, all *[]record) {
			it := t.NewIterator(options)
			defer it.Close()
			for it.Rewind(); it.Valid(); it.Next() {
				key := bytes.Clone(it.Key())
				if stop != nil && y.CompareKeys(key, stop) <= 0 {
					return
				}
				value := it.Value()
				value.Value = bytes.Clone(value.Value)
				*all = append(*all, record{key, value})
			}
		}
		collect(0, nil, &front)
		var stop []byte
		if len(front) > 0 {
			stop = front[len(front)-1].key
		}
		collect(table.REVERSED, stop, &back)
		return nil
	})
	if err != nil && len(front)+len(back) == 0 {
		return os.Rename(path, path+".damaged")
	}
	o := table.Options{BlockSize: 4 << 10, BloomFalsePositive: 0.01, TableSize: 64 << 20, Compression: options.None}
	b := table.NewTableBuilder(o)
	defer b.Close()
	add := func(r record) {
		size := uint32(0)
		if r.value.Meta&2 != 0 && len(r.value.Value) >= 8 { // a pointer: file, size, place
			size = binary.BigEndian.Uint32(r.value.Value[4:])
		}
		b.Add(r.key, r.value, size)
	}
	for _, r := range front {
		add(r)
	}
	for i := len(back) - 1; i >= 0; i-- {
		add(back[i])
	}
	return replace(path, b.Finish())
}
