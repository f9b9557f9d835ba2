package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// TestQR prints an address on a terminal: a QR code stands below it, a square of half blocks. In a file there is none.
func TestQR(t *testing.T) {
	const link = "linnet:relay/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		b, _ := io.ReadAll(master) // it ends with an error when the other side is closed
		read <- string(b)
	}()
	sayAddress(terminal, link, true)
	if err := terminal.Close(); err != nil {
		t.Error(err)
	}
	said := <-read
	rows, width := 0, 0
	for line := range strings.Lines(said) {
		if line = strings.TrimRight(line, "\r\n"); strings.ContainsAny(line, "█▀▄") {
			rows, width = rows+1, max(width, utf8.RuneCountInString(line))
		}
	}
	if !strings.Contains(said, link) || rows < 15 || rows < width/2-1 || rows > width/2+1 {
		t.Errorf("%d rows of %d in:\n%s", rows, width, said)
	}
	var file strings.Builder
	sayAddress(&file, link, false)
	if strings.Contains(file.String(), "█") || !strings.Contains(file.String(), link) || !strings.Contains(file.String(), "no public address") {
		t.Error(file.String())
	}
}
