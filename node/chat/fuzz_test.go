package chat

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzParseMessage holds that what parses is written again with the same bytes, and that the rest of the room stands it.
func FuzzParseMessage(f *testing.F) {
	for _, v := range vectors(f) {
		if v.Of == "message" {
			f.Add(fromHex(f, v.Hex))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMessage(b)
		if err != nil {
			return
		}
		if got, err := m.AppendTo(nil); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("got %x, %v, want %x", got, err, b)
		}
		var c Conversation
		for range 2 {
			if err := c.Apply(m, Author{ada, 1}, start); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(c.Lines(ben, start)); got > 1 {
			t.Fatalf("%d lines", got)
		}
		m.Sent()
		for _, ref := range m.Targets(ada) {
			c.Item(ref).Expire(ada, start.Add(time.Hour))
			b, err := c.Item(ref).AppendTo(nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseItem(b); err != nil {
				t.Fatalf("%x: %v", b, err)
			}
		}
	})
}

func FuzzParsePlaintext(f *testing.F) {
	for _, v := range vectors(f) {
		if v.Of == "plaintext" {
			f.Add(fromHex(f, v.Hex))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePlaintext(b)
		if err != nil {
			return
		}
		if got, err := p.AppendTo(nil); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("got %x, %v, want %x", got, err, b)
		}
	})
}

func FuzzParseWeak(f *testing.F) {
	for _, v := range vectors(f) {
		if v.Of == "weak update" {
			f.Add(fromHex(f, v.Hex))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := ParseWeak(b)
		if err != nil {
			return
		}
		if got, err := w.AppendTo(nil); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("got %x, %v, want %x", got, err, b)
		}
	})
}

// FuzzParseItem holds that a stored item that parses can be stored again, shown and added to.
func FuzzParseItem(f *testing.F) {
	for _, it := range items(f) {
		b, err := it.AppendTo(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		it, err := ParseItem(b)
		if err != nil {
			return
		}
		stored, err := it.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseItem(stored)
		if err != nil || !cmp.Equal(again, it) {
			t.Fatalf("%v, %s", err, cmp.Diff(it, again))
		}
		it.Line(ben, start)
		for _, s := range samples() {
			_ = it.Apply(&s.m, Author{it.Ref.Author, 1}, start)
		}
		it.Expire(ben, start)
		it.Expire(it.Ref.Author, start.Add(time.Hour))
		if _, err := it.AppendTo(nil); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParseDelivery(f *testing.F) {
	var d Delivery
	for _, in := range []Input{{}, {Event: Delayed, Why: "clock"}, custody(1, 5), custody(2, 9), {Event: Acked}, {Event: Seen}} {
		d = d.Step(start, in, 2)
		b, err := d.AppendTo(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseDelivery(b)
		if err != nil {
			return
		}
		if got, err := d.AppendTo(nil); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("got %x, %v, want %x", got, err, b)
		}
		for e := Passed; e <= TryAgain; e++ {
			next := d.Step(start, Input{Event: e, Relay: relay(1), Until: start}, 2)
			if err := next.check(); err != nil {
				t.Fatalf("%v: %+v to %+v", e, d, next)
			}
		}
	})
}
