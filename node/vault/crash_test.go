package vault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/linnetmesh/linnet/node/chat"
)

var errCrash = errors.New("crash")

// story is everything that writes, and returns what must be there for each write that was told to be done.
func story(v *Vault, done func(what string)) error {
	for n := range 6 {
		b := v.NewBatch()
		if err := errors.Join(
			b.Put(Session, []byte("s"), fmt.Append(nil, n)),
			b.Put(PreKey, fmt.Append(nil, n), []byte("p")),
			b.Put(Contact, []byte("c"), fmt.Append(nil, n)),
			b.PutUntil(Dedupe, fmt.Append(nil, n), nil, start),
			b.PutItem(talk, item(n, fmt.Sprint(n))),
		); err != nil {
			return err
		}
		if err := v.Commit(b); err != nil {
			return err
		}
		done(fmt.Sprint(n))
		if n%2 == 1 {
			if err := v.Renew(start.Add(time.Duration(n) * 24 * time.Hour)); err != nil {
				return err
			}
		}
	}
	return v.Close()
}

// TestCrashAtEveryWrite ends the story before and after every write, and opens what is on the disk then: each commit is
// there or not, as a whole, none that was done is missing, and the story can begin anew.
func TestCrashAtEveryWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // nothing here starts a goroutine or waits
		clean := new(Disk)
		v := open(t, Config{Disk: clean})
		if err := story(v, func(string) {}); err != nil {
			t.Fatal(err)
		}
		total := clean.Writes()
		for crash := range total {
			for _, after := range []bool{false, true} {
				disk, dead := new(Disk), false
				fail := func(hook bool) func(n int) error {
					return func(n int) error {
						if dead = dead || hook == after && n == crash+1; dead {
							return errCrash
						}
						return nil
					}
				}
				disk.Before, disk.After = fail(false), fail(true)
				last := ""
				v, err := Open(Config{Disk: disk})
				if err == nil {
					err = story(v, func(what string) { last = what })
				}
				if err == nil && crash+1 < total-1 { // the last may be the mark of Close
					t.Logf("crash %d: nobody noticed", crash)
				}
				disk.Before, disk.After = nil, nil
				again(t, fmt.Sprintf("crash at %d of %d (%v)", crash+1, total, after), disk, last)
			}
		}
		t.Logf("%d writes", total)
	})
}

// again opens a disk after a crash and looks at it.
func again(t *testing.T, what string, disk *Disk, last string) {
	t.Helper()
	v, err := Open(Config{Disk: disk})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if v.Lost() != 0 || v.Stats().Damaged != 0 {
		t.Errorf("%s: %d lost, damaged %v", what, v.Lost(), v.Damaged())
	}
	s, c := get(v, Session, "s"), get(v, Contact, "c")
	page, err := v.Page(talk, chat.Place{}, 1)
	if err != nil || s != c || len(page) == 1 && texts(page)[0] != s || last != "" && s != last && s != fmt.Sprint(last[0]-'0'+1) {
		t.Errorf("%s: %q was done, session %q, contact %q, newest %q: %v", what, last, s, c, texts(page), err)
	}
	if n := len(each(t, v, PreKey, "")); s != ErrNotFound.Error() && fmt.Sprint(n-1) != s {
		t.Errorf("%s: %d prekeys at %s", what, n, s)
	}
	if err := v.Renew(start.Add(1000 * time.Hour)); err != nil || v.Stats().Damaged != 0 || get(v, Session, "s") != s {
		t.Errorf("%s: renewing: %v, %q", what, err, get(v, Session, "s"))
	}
	if err := story(v, func(string) {}); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// TestFailedCommit fails writes in all ways.
func TestFailedCommit(t *testing.T) {
	disk := new(Disk)
	v := open(t, Config{Disk: disk})
	put(t, v, Contact, "k", "first")
	b := v.NewBatch()
	if err := b.Put(Contact, []byte("k"), []byte("second")); err != nil {
		t.Fatal(err)
	}
	disk.SetFull(true)
	if err := v.Commit(b); !errors.Is(err, ErrFull) || !v.Stats().Full {
		t.Error(err)
	}
	urgent := v.NewBatch()
	urgent.Urgent = true
	if err := errors.Join(urgent.Put(Contact, []byte("urgent"), []byte("x")), v.Commit(urgent)); err != nil {
		t.Error(err)
	}
	disk.SetFull(false)
	disk.Before = func(int) error { return errCrash }
	if err := v.Commit(b); !errors.Is(err, errCrash) || b.Len() != 1 || get(v, Contact, "k") != "first" {
		t.Error(err)
	}
	disk.Before = nil
	if err := v.Commit(b); err != nil || b.Len() != 0 || get(v, Contact, "k") != "second" {
		t.Error(err)
	}
	disk.After = func(int) error { return errCrash }
	if err := errors.Join(b.Put(Contact, []byte("k"), []byte("third")), v.Commit(b)); !errors.Is(err, errCrash) {
		t.Error(err)
	}
	disk.After = nil
	if err := v.Commit(b); !errors.Is(err, ErrClosed) {
		t.Error("it goes on after a write of which nobody knows:", err)
	}
	if got := get(v, Contact, "k"); got != "third" { // it was written
		t.Error(got)
	}
	// Who opens the disk ends who had it.
	next := open(t, Config{Disk: disk})
	if get(v, Contact, "k") == "third" || get(next, Contact, "k") != "third" {
		t.Error("two have one disk")
	}
}

// TestModel does what comes to mind with both kinds of vault and a map.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		folder, err := newFolder()
		if err != nil {
			t.Fatal(err)
		}
		defer folder.remove()
		disk := new(Disk)
		configs := []Config{{Disk: disk}}
		if rapid.IntRange(0, 4).Draw(t, "folder, too") == 0 { // it is slow
			configs = append(configs, Config{Folder: folder.path, Mobile: true})
		}
		vaults, batches := make([]*Vault, len(configs)), make([]*Batch, len(configs))
		opened := func() {
			for i, c := range configs {
				if vaults[i], err = Open(c); err != nil {
					t.Fatal(err)
				}
				batches[i] = vaults[i].NewBatch()
			}
		}
		closed := func() {
			for _, v := range vaults {
				if err := v.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		opened()
		defer func() { closed() }()
		kept, next := map[string]string{}, map[string]string{}
		drawers := []Drawer{Session, Contact, Dedupe}
		drawer, name := rapid.SampledFrom(drawers), rapid.SampledFrom([]string{"a", "ab", "b", "c\x00", "c"})
		now := start
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				d, key, value := drawer.Draw(t, "drawer"), name.Draw(t, "key"), rapid.StringN(0, 50, 2000).Draw(t, "value")
				for _, b := range batches {
					if err := b.Put(d, []byte(key), []byte(value)); err != nil {
						t.Fatal(err)
					}
				}
				next[string(d.at([]byte(key)))] = value
			},
			"delete": func(t *rapid.T) {
				d, key := drawer.Draw(t, "drawer"), name.Draw(t, "key")
				for _, b := range batches {
					if err := b.Delete(d, []byte(key)); err != nil {
						t.Fatal(err)
					}
				}
				delete(next, string(d.at([]byte(key))))
			},
			"commit": func(t *rapid.T) {
				for i, v := range vaults {
					if err := v.Commit(batches[i]); err != nil {
						t.Fatal(err)
					}
				}
				kept = maps.Clone(next)
			},
			"forget": func(*rapid.T) {
				for i, v := range vaults {
					batches[i] = v.NewBatch()
				}
				next = maps.Clone(kept)
			},
			"renew": func(t *rapid.T) {
				now = now.Add(24 * time.Hour)
				for _, v := range vaults {
					if err := v.Renew(now); err != nil {
						t.Fatal(err)
					}
				}
			},
			"open again": func(t *rapid.T) {
				if !rapid.Bool().Draw(t, "really") { // it is slow
					return
				}
				closed()
				opened()
				next = maps.Clone(kept)
			},
			"": func(t *rapid.T) {
				for i, v := range vaults {
					got := map[string]string{}
					for _, d := range drawers {
						last := ""
						err := v.Each(d, nil, func(key, value []byte) error {
							if string(key) < last {
								t.Errorf("%q comes after %q", key, last)
							}
							last = string(key)
							got[string(d.at(key))] = string(value)
							return nil
						})
						if err != nil {
							t.Fatal(err)
						}
						for _, key := range []string{"a", "ab", "b", "c\x00", "c"} {
							for _, is := range []struct {
								get  func(Drawer, []byte) ([]byte, error)
								want map[string]string
							}{{v.Get, kept}, {batches[i].Get, next}} {
								value, err := is.get(d, []byte(key))
								if want, ok := is.want[string(d.at([]byte(key)))]; ok && (err != nil || want != string(value)) ||
									!ok && !errors.Is(err, ErrNotFound) {
									t.Fatalf("%s %q: %q, %v", d, key, value, err)
								}
							}
						}
					}
					if diff := cmp.Diff(kept, got); diff != "" {
						t.Fatal(diff)
					}
					if s := v.Stats(); s.Damaged+s.Lost > 0 {
						t.Fatal(v.Damaged(), s.Lost)
					}
				}
			},
		})
	})
}

// TestModelItems puts and deletes items whose places move, and compares what is listed.
func TestModelItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, err := Open(Config{})
		if err != nil {
			t.Fatal(err)
		}
		b := v.NewBatch()
		all := map[int]*chat.Item{}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				n, at := rapid.IntRange(0, 5).Draw(t, "n"), rapid.IntRange(0, 99).Draw(t, "at")
				it := item(n, fmt.Sprint(n))
				it.Message.Time = chat.At(start.Add(time.Duration(at) * time.Second))
				if at%5 == 0 {
					it = edited(&chat.Item{Ref: ref(n)}, "waits")
				}
				all[n] = it
				if err := b.PutItem(talk, it); err != nil {
					t.Fatal(err)
				}
			},
			"delete": func(t *rapid.T) {
				n := rapid.IntRange(0, 5).Draw(t, "n")
				delete(all, n)
				if err := b.DeleteItem(talk, ref(n)); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				for n := range 6 {
					it, err := b.Item(talk, ref(n))
					if want := all[n]; want == nil && !errors.Is(err, ErrNotFound) || want != nil && err != nil {
						t.Fatal(n, err)
					} else if want != nil {
						if diff := cmp.Diff(want, it); diff != "" {
							t.Fatal(diff)
						}
					}
				}
				if err := v.Commit(b); err != nil {
					t.Fatal(err)
				}
				var want []chat.Place
				for _, it := range all {
					if place, ok := it.Place(); ok {
						want = append(want, place)
					}
				}
				slices.SortFunc(want, chat.Place.Compare)
				places := func(page []*chat.Item, err error) (list []chat.Place) {
					if err != nil {
						t.Fatal(err)
					}
					for _, it := range page {
						place, _ := it.Place()
						list = append(list, place)
					}
					return list
				}
				if diff := cmp.Diff(want, places(v.After(talk, chat.Place{}, 99))); diff != "" {
					t.Fatal(diff)
				}
				slices.Reverse(want)
				if diff := cmp.Diff(want, places(v.Page(talk, chat.Place{}, 99))); diff != "" {
					t.Fatal(diff)
				}
			},
		})
	})
}

// TestCrashAfterClose is killed after the first commit since the vault was closed in order, before its mark is written: the
// commit counts, and its number is not given again.
func TestCrashAfterClose(t *testing.T) {
	disk := new(Disk)
	v := open(t, Config{Disk: disk})
	put(t, v, Contact, "k", "1")
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	v = open(t, Config{Disk: disk})
	before, last := v.Stats().Commits, disk.Writes()+1
	disk.Before = func(n int) error {
		if n > last {
			return errCrash
		}
		return nil
	}
	put(t, v, Contact, "k", "2")
	disk.Before = nil
	again := open(t, Config{Disk: disk})
	if got := again.Stats().Commits; got != before+1 || again.Lost() != 0 {
		t.Errorf("commit %d, %d lost; want %d", got, again.Lost(), before+1)
	}
}
