package disk

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

// tableOf returns the bytes of a table of n records.
func tableOf(n int) []byte {
	b := table.NewTableBuilder(table.Options{BlockSize: 4 << 10, BloomFalsePositive: 0.01, TableSize: 64 << 20, Compression: options.None})
	defer b.Close()
	for i := range n {
		key := y.KeyWithTs(fmt.Appendf(nil, "a key, rather long, of number %06d", i), uint64(i+1))
		b.Add(key, y.ValueStruct{Meta: byte(i % 2 * 64), Value: bytes.Repeat([]byte{byte(i)}, i%300)}, 0)
	}
	return b.Finish()
}

// TestSalvage flips one byte at many places of a table, its index among them: all is read again but for the one block
// that was hit, and Badger opens what was made of it.
func TestSalvage(t *testing.T) {
	t.Parallel()
	const records = 3000
	whole := tableOf(records)
	all := readBlocks(whole)
	if len(all) != records {
		t.Fatalf("%d of %d records", len(all), records)
	}
	for i, r := range all {
		want := fmt.Appendf(nil, "a key, rather long, of number %06d", i)
		if !bytes.Equal(y.ParseKey(r.key), want) || y.ParseTs(r.key) != uint64(i+1) || r.value.Meta != byte(i%2*64) || len(r.value.Value) != i%300 {
			t.Fatalf("record %d: %q, %+v", i, r.key, r.value)
		}
	}
	blocks := 0
	for at := 0; at < len(whole); at += 24007 {
		b := bytes.Clone(whole)
		b[at] ^= 0x21
		path := filepath.Join(t.TempDir(), "000001.sst")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := salvage(path); err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		left := 0
		err := readTable(path, func(t *table.Table) error {
			it := t.NewIterator(0)
			defer it.Close()
			for it.Rewind(); it.Valid(); it.Next() {
				left++
			}
			return nil
		})
		if err != nil || left < records-80 {
			t.Errorf("byte %d of %d: %d of %d records: %v", at, len(whole), left, records, err)
		}
		if left < records {
			blocks++
		}
	}
	if blocks < 8 {
		t.Errorf("only %d flips hit a block", blocks)
	}
	path := filepath.Join(t.TempDir(), "000002.sst")
	if err := os.WriteFile(path, []byte("no table at all, and rather short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := salvage(path); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + ".damaged"); err != nil {
		t.Error(err)
	}
}

// FuzzReadBlocks reads what is no table.
func FuzzReadBlocks(f *testing.F) {
	f.Add(tableOf(20))
	f.Add(binary.BigEndian.AppendUint32(append(make([]byte, 20), 2<<3, 1), 2))
	f.Fuzz(func(_ *testing.T, b []byte) { readBlocks(b) })
}

// TestMendManifest flips each byte of a manifest: it is mended, or said to be broken, and never read as a shorter one.
func TestMendManifest(t *testing.T) {
	m := []byte(manifestHead)
	for id := range uint64(3) {
		body, err := proto.Marshal(&pb.ManifestChangeSet{Changes: []*pb.ManifestChange{{Id: id + 1, Op: pb.ManifestChange_CREATE}}})
		if err != nil {
			t.Fatal(err)
		}
		m = binary.BigEndian.AppendUint32(m, uint32(len(body)))
		m = append(binary.BigEndian.AppendUint32(m, crc32.Checksum(body, castagnoli)), body...)
	}
	if mended, whole := mendManifest(m); mended || !whole {
		t.Fatal(mended, whole)
	}
	if _, whole := mendManifest(m[:len(m)-2]); !whole { // torn, as a crash leaves it
		t.Error("one that is torn is none")
	}
	for at := range m {
		b := bytes.Clone(m)
		b[at] ^= 0x21
		if mended, whole := mendManifest(b); whole && (!mended || !bytes.Equal(b, m)) {
			t.Errorf("byte %d: mended %v, and it is %x, want %x", at, mended, b, m)
		}
	}
}
