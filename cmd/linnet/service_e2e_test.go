//go:build e2e

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// systemd reads the unit without a complaint, and finds little that it may do: an exposure of at most 2.0.
func TestUnitIsHardened(t *testing.T) {
	home := t.TempDir()
	p := servicePaths(home)
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	text, err := serviceFile("linux", program, p)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(home, "linnet.service")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"verify", "--man=no", file},
		{"security", "--offline=true", "--threshold=20", "--no-pager", file},
	} {
		if out, err := exec.Command("systemd-analyze", args...).CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze %v: %v\n%s", args, err, out)
		}
	}
}
