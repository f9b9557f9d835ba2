package chat

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"
)

func line(n int) *Message {
	var i ID
	binary.BigEndian.PutUint64(i[:], uint64(n+1))
	return &Message{ID: i, Time: At(start.Add(time.Duration(n) * time.Second)), Kind: KindText, Text: &Text{Text: strings.Repeat("x", 100)}}
}

func BenchmarkAppendText(b *testing.B) {
	m := line(1)
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = m.AppendTo(buf[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(buf)), "bytes")
}

func BenchmarkParseText(b *testing.B) {
	buf, err := line(1).AppendTo(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseMessage(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPlaintext is what each further device costs: write, and read on the other side.
func BenchmarkPlaintext(b *testing.B) {
	m, err := line(1).AppendTo(nil)
	if err != nil {
		b.Fatal(err)
	}
	p := Plaintext{Sequence: 1000, Seen: 1000, Message: m}
	b.ReportAllocs()
	for b.Loop() {
		buf, err := p.AppendTo(nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ParsePlaintext(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReceipt is a receipt of 256 messages, written and read.
func BenchmarkReceipt(b *testing.B) {
	m := &Message{ID: id(1), Time: t0, Kind: KindReceipt, Receipt: &Receipt{Author: ada}}
	for n := range 256 {
		m.Receipt.Delivered = append(m.Receipt.Delivered, line(n).ID)
	}
	b.ReportAllocs()
	for b.Loop() {
		buf, err := m.AppendTo(nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ParseMessage(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApply10000 is a conversation of 10 000 texts from nothing, in RAM.
func BenchmarkApply10000(b *testing.B) {
	messages := make([]*Message, 10_000)
	for n := range messages {
		messages[n] = line(n)
	}
	b.ReportAllocs()
	for b.Loop() {
		var c Conversation
		for _, m := range messages {
			if err := c.Apply(m, Author{ada, 1}, start); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkLines10000(b *testing.B) {
	var c Conversation
	for n := range 10_000 {
		if err := c.Apply(line(n), Author{ada, 1}, start); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if got := len(c.Lines(ben, start)); got != 10_000 {
			b.Fatal(got)
		}
	}
}

// BenchmarkItem is what one reaction costs an owner with a store, without the store: load, apply, keep.
func BenchmarkItem(b *testing.B) {
	it := &Item{Ref: Ref{Author: ada, ID: line(1).ID}}
	if err := it.Apply(line(1), Author{ada, 1}, start); err != nil {
		b.Fatal(err)
	}
	buf, err := it.AppendTo(nil)
	if err != nil {
		b.Fatal(err)
	}
	r := reaction(ada, line(1).ID, "x")
	r.ID, r.Time = id(1), t0
	b.ReportAllocs()
	b.ReportMetric(float64(len(buf)), "bytes")
	for b.Loop() {
		it, err := ParseItem(buf)
		if err != nil {
			b.Fatal(err)
		}
		if err := it.Apply(&r, Author{ben, 1}, start); err != nil {
			b.Fatal(err)
		}
		if _, err := it.AppendTo(nil); err != nil {
			b.Fatal(err)
		}
	}
}
