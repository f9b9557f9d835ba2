package vault

import (
	"bytes"
	"testing"

	"github.com/linnetmesh/linnet/node/chat"
)

// FuzzStored reads what lies on the disk outside of any seal: headers, slots, marks, keys.
func FuzzStored(f *testing.F) {
	k := keys{vault: aead([32]byte{1})}
	k.use(eraseSlot{id: keyID{1}})
	f.Add(k.seal(Contact.at([]byte("k")), []byte("value"), 0))
	f.Add(k.seal(Session.at([]byte("k")), []byte("value"), 77))
	f.Add(appendSlot(nil, 3, wrapMaster(Schema, &[32]byte{2}, nil, false)))
	f.Add(wrapMaster(Schema, &[32]byte{2}, nil, false))
	head := keySlot{schema: 1, wrap: wrapArgon2, time: 1, memory: 8, threads: 1}
	f.Add(append(head.head(), make([]byte, 48)...))
	f.Add(k.sealSlot(&eraseSlot{}))
	place, _ := item(1, "x").Place()
	f.Add(itemKey(talk, place))
	f.Add([]byte{refPlaced, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, n, err := parseHeader(b); err == nil && !bytes.Equal(h.appendTo(nil), b[:n]) {
			t.Errorf("header %+v of % x", h, b)
		}
		for _, d := range []Drawer{Contact, Session} {
			_, _, _ = k.open(nil, d.at([]byte("k")), b)
		}
		if q, payload, ok := parseSlot(b); ok && !bytes.HasPrefix(b, appendSlot(nil, q, payload)) {
			t.Errorf("slot % x", b)
		}
		if s, err := parseKeySlot(b, Schema); err == nil && !bytes.Equal(append(s.head(), s.master...), b) {
			t.Errorf("key slot % x", b)
		}
		_, _ = k.openSlot(b)
		_, _, _ = parseMark(b)
		if from, to, number, ok := parseUpgrade(b); ok && !bytes.HasPrefix(b, appendUpgrade(nil, from, to, number)) {
			t.Errorf("upgrade % x", b)
		}
		if c, p, ok := parseItemKey(b); ok && !bytes.Equal(itemKey(c, p), b) {
			t.Errorf("item key % x", b)
		}
		if p, it, ok := parseRef(b, ref(1)); ok && it == nil && p == (chat.Place{}) {
			t.Errorf("ref % x", b)
		}
	})
}

// FuzzFold holds what Search relies on: a text within other bytes is found there when it is found in the text.
func FuzzFold(f *testing.F) {
	f.Add([]byte{0x78, 0xc3}, "Straße K", "sſK")
	f.Add([]byte{0xe2, 0x84}, "ÀÉ", "é")
	f.Fuzz(func(t *testing.T, around []byte, text, query string) {
		if text == "" || string([]rune(text)) != text || string([]rune(query)) != query {
			return
		}
		want := bytes.Contains(fold(nil, []byte(text)), fold(nil, []byte(query)))
		whole := append(append(bytes.Clone(around), text...), around...)
		if got := bytes.Contains(fold(nil, whole), fold(nil, []byte(query))); want && !got {
			t.Errorf("%q is in %q, and not in %q", query, text, whole)
		}
		if once := fold(nil, []byte(text)); !bytes.Equal(fold(nil, once), once) {
			t.Errorf("%q folds further than %q", text, once)
		}
	})
}
