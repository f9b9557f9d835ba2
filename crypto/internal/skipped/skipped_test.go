package skipped

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func keyOf(index uint32) (key [32]byte) {
	binary.BigEndian.PutUint32(key[:], index^0xabcd)
	return key
}

// TestModel holds Keys to a plain sorted list, over random messages, and old values to what they were.
func TestModel(t *testing.T) {
	const jump = 6000
	rapid.Check(t, func(t *rapid.T) {
		var keys Keys
		var model []uint32
		next := rapid.Uint32Range(0, 5).Draw(t, "first")
		take := func(t *rapid.T, index uint32) {
			old, before, at := keys.AppendTo(nil), keys, next
			steps := next
			key, rest, err := keys.Key(next, index, jump, func(wanted bool) [32]byte {
				steps++
				if !wanted {
					return [32]byte{}
				}
				return keyOf(steps - 1)
			})
			if !bytes.Equal(before.AppendTo(nil), old) {
				t.Fatal("Key changed the old value")
			}
			i, there := slices.BinarySearch(model, index)
			var want error
			switch {
			case index < at && !there:
				want = ErrGone
			case index < at:
				model = slices.Delete(model, i, i+1)
			case index-at > jump:
				want = ErrTooFar
			default:
				for ; next < index; next++ {
					model = append(model, next)
				}
				model = model[max(0, len(model)-Max):]
				next++
			}
			if !errors.Is(err, want) || err == nil && key != keyOf(index) || steps != next {
				t.Fatalf("key of %d at %d: got %x, %v after %d steps, want %v", index, at, key, err, steps-at, want)
			}
			if keys = rest; keys.Len() != len(model) {
				t.Fatalf("%d keys, want %d", keys.Len(), len(model))
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"next":   func(t *rapid.T) { take(t, next) },
			"ahead":  func(t *rapid.T) { take(t, next+rapid.Uint32Range(0, 5).Draw(t, "by")) },
			"far":    func(t *rapid.T) { take(t, next+rapid.Uint32Range(Max-3, jump+1).Draw(t, "by")) },
			"behind": func(t *rapid.T) { take(t, rapid.Uint32Range(0, next).Draw(t, "index")) },
			"late": func(t *rapid.T) {
				if len(model) > 0 {
					take(t, rapid.SampledFrom(model).Draw(t, "index"))
				}
			},
			"": func(t *rapid.T) {
				stored := keys.AppendTo(nil)
				again, ok := Parse(stored, 0, next)
				if !ok || len(stored) != keys.Size() || !bytes.Equal(again.AppendTo(nil), stored) {
					t.Fatal("stored form does not come back")
				}
			},
		})
	})
}

// three returns the keys of the messages 3, 4 and 5.
func three(t testing.TB) Keys {
	t.Helper()
	next := uint32(3)
	_, k, err := Keys{}.Key(3, 6, MaxJump, func(bool) [32]byte { next++; return keyOf(next - 1) })
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestParseRefuses(t *testing.T) {
	stored := three(t).AppendTo(nil)
	twice := append(bytes.Clone(stored[:Size]), stored[:Size]...)
	for name, tt := range map[string]struct {
		b        []byte
		from, to uint32
	}{
		"cut":       {stored[:len(stored)-1], 0, 9},
		"below":     {stored, 4, 9},
		"reaching":  {stored, 0, 5},
		"twice":     {twice, 0, 9},
		"too many":  {make([]byte, (Max+1)*Size), 0, 9},
		"very long": {make([]byte, Size<<16), 0, 9},
	} {
		if _, ok := Parse(tt.b, tt.from, tt.to); ok {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, ok := Parse(stored, 3, 6); !ok {
		t.Error("what was stored is refused")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(three(f).AppendTo(nil), uint32(0), uint32(9))
	f.Fuzz(func(t *testing.T, b []byte, from, to uint32) {
		if k, ok := Parse(b, from, to); ok && !bytes.Equal(k.AppendTo(nil), b) {
			t.Errorf("%x is written %x", b, k.AppendTo(nil))
		}
	})
}
