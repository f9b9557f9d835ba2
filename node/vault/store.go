package vault

import "context"

// store is what lies below the sealing: Badger in a folder, or a Disk. It keeps sealed records in the order of their
// keys, and a few small files beside them. All but open, settle and close may be called at once by several goroutines.
type store interface {
	// fresh tells whether no records were ever kept.
	fresh() (bool, error)
	// read returns a small file, nil if there is none.
	read(name string) ([]byte, error)
	// write overwrites a part of a small file in place, and waits until it is on the disk if sync is set.
	write(name string, at int64, b []byte, sync bool) error

	// keep makes a copy of everything, or finds that there is one as it is now: before an upgrade from a schema, and before
	// open. It returns where the copy is, and which of that schema, or nothing where no copy is kept.
	keep(schema uint16) (path string, number uint16, err error)
	// kept returns where a copy is, or nothing if it is not there any more.
	kept(schema, number uint16) string

	// open makes the records available; key is for whatever the store encrypts by itself.
	open(key []byte) error
	// get returns a record, nil if there is none. The caller may keep it.
	get(key []byte) ([]byte, error)
	// scan calls f for each record from ≤ key < to, as they were when it began, upwards or downwards, until f returns an
	// error, which it returns. Key and value belong to f only while it runs.
	scan(from, to []byte, down bool, f func(key, value []byte) error) error
	// snapshot returns the records as they are now, until it is closed.
	snapshot() (reader, error)
	// commit makes all of it durable, or nothing. After ErrFull and ErrBatch, all is as before; after other errors nothing
	// is known. It keeps nothing of ops. Calls do not overlap.
	commit(ops []op, urgent bool) error

	// check looks for damage below the records.
	check() error
	// tidy gives room back.
	tidy(ctx context.Context) error
	stats() Stats
	// settle finishes what runs, and makes records unavailable; only write and close may follow.
	settle() error
	close() error
}

// op puts a record, or deletes it if value is nil.
type op struct{ key, value []byte }

// Bounds of one commit, what Badger takes with the smallest tables: a transaction may count 15 % of a table.
const (
	maxOps   = 5000
	maxSmall = 512 << 10 // of keys, and of values below large
	maxLarge = 8 << 20   // of values from large on
	large    = 1 << 10   // from here on a value lies in Badger's value log
)

// weigh returns what a record counts against maxSmall and maxLarge.
func weigh(key, value []byte) (small, big int) {
	small = len(key) + 32
	if len(value) < large {
		return small + len(value), 0
	}
	return small, len(value)
}
