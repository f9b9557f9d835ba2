package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// safe makes a text of somebody else harmless for a terminal: what would move the cursor, change colours, or turn the
// direction of what follows, is shown as a box. Line breaks stay, indented.
func safe(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r != '\n' && harmful(r), r == unicode.ReplacementChar:
			return '▯'
		default:
			return r
		}
	}, strings.ToValidUTF8(text, "▯"))
}

// harmful tells whether a terminal must not see a character. Joiners, which make up emoji, are not.
func harmful(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control) || r == '\u2028' || r == '\u2029' || r == '\ufeff'
}

// escaped is JSON that means the same, and is harmless for a terminal.
func escaped(text string) string {
	if !strings.ContainsFunc(text, harmful) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if harmful(r) {
			fmt.Fprintf(&b, `\u%04x`, r) // all of them have four digits
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// line1 is safe for what must stay on one line.
func line1(text string) string { return strings.ReplaceAll(safe(text), "\n", " ⏎ ") }

// when shows a time as people need it: the hour of today, else the date.
func when(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	switch {
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format("15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	default:
		return t.Format("2 Jan 2006")
	}
}

// short is the beginning of a message's ID, which names it.
func short(id string) string { return id[:min(len(id), 8)] }

// groups puts digits into groups of five, four groups on a line.
func groups(digits string) string {
	digits = strings.ReplaceAll(digits, " ", "")
	var b strings.Builder
	for i := 0; i < len(digits); i += 5 {
		switch {
		case i == 0:
		case i%20 == 0:
			b.WriteString("\n")
		default:
			b.WriteString(" ")
		}
		b.WriteString(digits[i:min(i+5, len(digits))])
	}
	return b.String()
}
