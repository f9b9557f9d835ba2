package vault

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	markFile = "mark"
	markSize = 8 + 1 + 7
	markStep = 512
	markSync = 256 // commits after which the mark is synced

	// ringSize is how many commits back a hole is seen. Badger loses at most what is in its unflushed tables, which hold
	// fewer.
	ringSize = 1 << 16
)

// Commit makes the whole batch durable, or nothing of it: when it returns nil, the batch is synced to the disk, and empty.
// After ErrFull, ErrBatch and ErrClosed the vault is as before, and the batch can be committed later. After another error
// only opening the vault anew shows whether the batch is in it: until then, writes return ErrClosed, and reads go on.
func (v *Vault) Commit(b *Batch) error {
	if err := v.enter(); err != nil {
		return err
	}
	defer v.leave()
	if b.vault != v {
		return errors.New("vault: batch of another vault")
	}
	if len(b.writes) == 0 {
		return nil
	}
	if b.tooLarge() {
		return ErrBatch
	}
	v.writing.Lock()
	defer v.writing.Unlock()
	keySize, sealedSize := b.sizes()
	ops, keys, sealed := make([]op, 0, len(b.writes)+1), make([]byte, 0, keySize), make([]byte, 0, sealedSize)
	for key, w := range b.writes {
		begin := len(keys)
		keys = append(keys, key...)
		o := op{key: keys[begin:len(keys):len(keys)]}
		if w.value != nil {
			begin = len(sealed)
			sealed = v.keys.appendSealed(sealed, o.key, w.value, w.until)
			o.value = sealed[begin:len(sealed):len(sealed)]
		}
		ops = append(ops, o)
	}
	if err := v.apply(ops, b.Urgent); err != nil {
		return err
	}
	b.clear()
	return nil
}

// apply commits ops with the next number. The caller holds writing.
func (v *Vault) apply(ops []op, urgent bool) error {
	if v.broken != nil {
		return v.broken
	}
	n := v.commits + 1
	ops = append(ops, op{ringKey(n), binary.BigEndian.AppendUint64(nil, n)})
	v.version.Add(1)
	err := v.store.commit(ops, urgent)
	v.version.Add(1)
	switch {
	case errors.Is(err, ErrFull) || errors.Is(err, ErrBatch) || errors.Is(err, errRefused):
		return err
	case err != nil:
		v.broken = fmt.Errorf("%w: %w", ErrClosed, err)
		v.log.Error("writing the vault failed: it must be opened anew", "error", err)
		return fmt.Errorf("committing: %w", err)
	}
	v.commits = n
	if err := v.writeMark(false); err != nil {
		v.log.Warn("writing the high-water mark failed", "error", err) // the commit is durable all the same
	}
	return nil
}

// inRing tells whether a commit is the last one at its place in the ring.
func (v *Vault) inRing(n uint64) (bool, error) {
	b, err := v.store.get(ringKey(n))
	if err != nil {
		return false, fmt.Errorf("reading commit ring: %w", err)
	}
	return len(b) == 8 && binary.BigEndian.Uint64(b) == n, nil
}

// errRefused says that a store wrote nothing, and is as before.
var errRefused = errors.New("vault: refused")

func ringKey(n uint64) []byte { return ring.at(binary.BigEndian.AppendUint16(nil, uint16(n%ringSize))) }

// writeMark writes the high-water mark, outside of the records: what is lost with records is still counted here.
//
//	mark   two of: commit (8) ‖ closed in order (1) ‖ the beginning of SHA-256 of that (7); the higher one counts
//
// It is synced now and then only: what it protects against is not a crash, after which nothing is missing anyway.
func (v *Vault) writeMark(closed bool) error {
	sync := closed || v.commits-v.synced >= markSync
	mark := appendMark(make([]byte, 0, markSize), v.commits, closed)
	if err := v.store.write(markFile, markAt(v.commits), mark, sync); err != nil {
		return err
	}
	if sync {
		v.synced = v.commits
	}
	return nil
}

// appendMark appends the mark of a commit.
func appendMark(b []byte, commit uint64, closed bool) []byte {
	begin := len(b)
	b = binary.BigEndian.AppendUint64(b, commit)
	if closed {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	sum := sha256.Sum256(b[begin:])
	return append(b, sum[:7]...)
}

// markAt returns where the mark of a commit lies.
func markAt(commit uint64) int64 { return int64(commit%2) * markStep }

// beginMark writes the first mark of a vault that has none, so that from then on one that is missing was lost.
func (v *Vault) beginMark(fresh bool) error {
	b, err := v.store.read(markFile)
	if err != nil {
		return fmt.Errorf("reading mark: %w", err)
	}
	if _, _, ok := parseMark(b); ok || !fresh {
		return nil
	}
	if err := v.writeMark(false); err != nil {
		return fmt.Errorf("writing mark: %w", err)
	}
	return nil
}

// parseMark returns the mark that counts; ok is false if there is none.
func parseMark(b []byte) (commit uint64, closed, ok bool) {
	for at := range 2 {
		if len(b) < at*markStep+markSize {
			break
		}
		m := b[at*markStep:][:markSize]
		sum := sha256.Sum256(m[:9])
		if n := binary.BigEndian.Uint64(m); string(sum[:7]) == string(m[9:]) && m[8] <= 1 && (!ok || n >= commit) {
			commit, closed, ok = n, m[8] == 1, true
		}
	}
	return commit, closed, ok
}

// count finds the number of the last commit, and commits that vanished: Badger drops what follows a flipped byte in its
// log without a word. After a vault was closed in order, the last one tells enough, since then nothing is in the log.
func (v *Vault) count() error {
	if err := v.readHoles(); err != nil {
		return err
	}
	b, err := v.store.read(markFile)
	if err != nil {
		return fmt.Errorf("reading mark: %w", err)
	}
	mark, closed, ok := parseMark(b)
	if closed { // unless somebody has opened it since, and was killed before the mark of the first commit was written
		last, err := v.inRing(mark)
		if err != nil {
			return err
		}
		next, err := v.inRing(mark + 1)
		if err != nil {
			return err
		}
		if last && !next {
			v.commits, v.synced = mark, mark
			return nil
		}
	}
	seen, top := make(map[uint64]bool), uint64(0)
	err = v.store.scan(ring.at(), after(ring.at()), false, func(key, value []byte) error {
		if len(key) == 3 && len(value) == 8 {
			if n := binary.BigEndian.Uint64(value); string(ringKey(n)) == string(key) {
				seen[n], top = true, max(top, n)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading commit ring: %w", err)
	}
	if !ok && top > 0 {
		v.damage.add(damagedMark, []byte(markFile))
		v.log.Warn("the high-water mark is damaged: it is not known whether the last commits are missing")
	}
	missing := uint64(0)
	for n := max(v.base, max(top, ringSize)-ringSize) + 1; n <= top; n++ {
		if !seen[n] {
			missing++
		}
	}
	if from := max(top, v.base); mark > from {
		missing += mark - from
	}
	v.commits = max(top, mark, v.base)
	if missing == 0 {
		return nil
	}
	v.log.Warn("commits of the vault have vanished", "commits", missing)
	v.lost += missing
	err = v.keepHoles(v.commits)
	if errors.Is(err, ErrFull) {
		err = nil // they will be found again
	}
	return err
}

// readHoles reads what was found before.
func (v *Vault) readHoles() error {
	key := holes.at()
	sealed, err := v.store.get(key)
	if err != nil {
		return fmt.Errorf("reading lost commits: %w", err)
	}
	if sealed == nil {
		return nil
	}
	b, _, err := v.keys.open(nil, key, sealed)
	if err != nil || len(b) != 16 {
		_ = v.damaged(key)
		return nil //nolint:nilerr // it was counted
	}
	v.base, v.lost = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	return nil
}

// keepHoles stores what is known of holes up to a commit.
func (v *Vault) keepHoles(base uint64) error {
	b := binary.BigEndian.AppendUint64(nil, base)
	b = binary.BigEndian.AppendUint64(b, v.lost)
	key := holes.at()
	err := v.apply([]op{{key, v.keys.seal(key, b, 0)}}, true)
	if err == nil {
		v.base = base
	}
	return err
}

// Lost returns how many commits vanished that were durable once: through a flipped byte, a disk that did not write what
// it said it wrote, or an old copy of a part of the folder. The vault is as it was at some moment, but for them. So sessions may be
// older than what was sent under them, and must not go on; what came since is to be asked for again. It stays until
// Forgive.
func (v *Vault) Lost() (commits uint64) {
	v.writing.Lock()
	defer v.writing.Unlock()
	return v.lost
}

// Forgive sets Lost back to 0, once its owner has dealt with it. The errors are those of Commit.
func (v *Vault) Forgive() error {
	if err := v.enter(); err != nil {
		return err
	}
	defer v.leave()
	v.writing.Lock()
	defer v.writing.Unlock()
	was := v.lost
	if was == 0 {
		return nil
	}
	v.lost = 0
	err := v.keepHoles(v.commits)
	if err != nil {
		v.lost = was
	}
	return err
}
