package p2p

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestLoadKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	key, err := LoadKey(file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadKey(file)
	if err != nil || !again.Equal(key) {
		t.Fatalf("another key: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".key-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if runtime.GOOS != "windows" {
		info, _ := os.Stat(file)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
		_ = os.Chmod(file, 0o640)
		if _, err := LoadKey(file); err == nil {
			t.Error("a key that others may read")
		}
		_ = os.Chmod(file, 0o600)
	}
	for _, wrong := range [][]byte{{}, make([]byte, 31), make([]byte, 33)} {
		if err := os.WriteFile(file, wrong, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(file); err == nil {
			t.Errorf("a key of %d bytes", len(wrong))
		}
	}
	if _, err := LoadKey(filepath.Join(t.TempDir(), "no", "key")); err == nil {
		t.Error("a folder that is not there")
	}
}
