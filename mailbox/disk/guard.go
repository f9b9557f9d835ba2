package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/linnetmesh/linnet/mailbox"
)

// guard keeps the disk from running full. Badger writes its logs and tables into files that are mapped and have no room on
// the disk yet, and a process that writes where there is none dies of SIGBUS, which Go cannot catch. So the room for what
// Badger still has to write for what it took is kept free always:
//
//	free bytes   ─────── ballast file ─────── floor ────── reserve ─────── limit ───────────────▶
//	             nothing is taken   urgent commits, once    urgent commits    every commit
//	                                the ballast is thrown
//
// The floor is for tidying alone, and what compacting all tables may need lies on it: otherwise nothing could ever be given
// back to a disk that is full.
//
// The ballast is a file that holds nothing but its room. Thrown away, it makes room for what is urgent even where something else filled
// the disk; it is made again when there is room. The guard asks before every commit, which takes about 2 µs.
type guard struct {
	path    string
	ballast string
	min     uint64                                            // as configured
	floor   uint64                                            // what Badger needs
	tables  uint64                                            // what compacting all tables may need
	size    uint64                                            // of the ballast
	free    func(path string) (free, total uint64, err error) // of the disk

	mutex  sync.Mutex
	thrown bool // there is no ballast
}

// errRefused says that nothing was written, and all is as before.
var errRefused = errors.New("disk: refused")

// need sets how much Badger needs, and how large the ballast is, and looks whether there is one.
func (g *guard) need(floor, ballast uint64) {
	g.floor, g.size = floor, ballast
	info, err := os.Stat(g.ballast)
	g.thrown = err != nil || uint64(info.Size()) < g.size
}

// limit returns how much must be free for a commit that is not urgent.
func (g *guard) limit(total uint64) uint64 {
	low := g.min
	if low == 0 {
		low = min(256<<20, total/20)
	}
	return max(low, g.floor+g.size/2+g.tables)
}

// compacts sets how much compacting may need.
func (g *guard) compacts(tables uint64) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.tables = tables
}

// room returns nil if n more bytes may be written, and otherwise mailbox.ErrDiskFull.
func (g *guard) room(n uint64, urgent bool) error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	free, total, err := g.free(g.path)
	if err != nil {
		return fmt.Errorf("%w: asking for free room: %w", errRefused, err)
	}
	limit := g.limit(total)
	if free >= limit+n {
		if g.thrown && free >= limit+n+2*g.size {
			g.make()
		}
		return nil
	}
	if !urgent {
		return mailbox.ErrDiskFull
	}
	return g.throw(free, g.floor+g.tables+n)
}

// throw throws the ballast away if fewer than n bytes are free. The error is mailbox.ErrDiskFull if that was not enough.
func (g *guard) throw(free, n uint64) error {
	if free >= n {
		return nil
	}
	if !g.thrown {
		if err := os.Remove(g.ballast); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: removing ballast: %w", errRefused, err)
		}
		g.thrown = true
		var err error
		if free, _, err = g.free(g.path); err != nil {
			return fmt.Errorf("%w: asking for free room: %w", errRefused, err)
		}
	}
	if free < n {
		return mailbox.ErrDiskFull
	}
	return nil
}

// has tells whether n bytes may be written for what gives room back.
func (g *guard) has(n uint64) bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	free, _, err := g.free(g.path)
	return err == nil && g.throw(free, g.floor+n) == nil
}

// spare makes n bytes free for what cannot wait, if it can. The error is mailbox.ErrDiskFull, or the disk's.
func (g *guard) spare(n uint64) error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	free, _, err := g.free(g.path)
	if err != nil {
		return fmt.Errorf("asking for free room: %w", err)
	}
	return g.throw(free, n)
}

// make makes the ballast. What fails is tried again later.
func (g *guard) make() {
	file, err := os.OpenFile(g.ballast, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	if err = reserve(file, g.size); errors.Is(err, errors.ErrUnsupported) {
		err = fill(file, g.size)
	}
	if g.thrown = errors.Join(err, file.Close()) != nil; g.thrown {
		_ = os.Remove(g.ballast)
	}
}

// fill writes n bytes, where room cannot be reserved otherwise. What compresses to nothing holds no room, so they are
// random, in pieces larger than file systems compress at once.
func fill(file *os.File, n uint64) error {
	b := make([]byte, min(n, 1<<20))
	rand.Read(b)
	for n > 0 {
		b = b[:min(n, uint64(len(b)))]
		if _, err := file.Write(b); err != nil {
			return err
		}
		n -= uint64(len(b))
	}
	return nil
}

// nearly is what a commit of some posts takes: with less than that left, the disk is called full.
const nearly = 256 << 10

// state returns how many bytes are free, and whether commits that are not urgent are refused.
func (g *guard) state() (free uint64, full bool) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	free, total, err := g.free(g.path)
	return free, err != nil || free < g.limit(total)+nearly
}

// left returns how many of the free bytes may be written until commits are refused.
func (g *guard) left(free uint64) uint64 {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	_, total, err := g.free(g.path)
	if err != nil {
		return 0
	}
	if limit := g.limit(total); free > limit {
		return free - limit
	}
	return 0
}
