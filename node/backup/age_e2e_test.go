//go:build e2e

package backup

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// The age tool, as Debian has it, opens a backup.
func TestAgeTool(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	key, file := filepath.Join(folder, "key"), filepath.Join(folder, "backup.age")
	if err := os.WriteFile(key, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, write(t, Lock{Recipients: []string{id.Recipient().String()}}, sample()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "age", "-d", "-i", key, file).Output()
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	records, err := z.DecodeAll(out, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := parseAll(records); err != nil || !bytes.Contains(records, []byte("the first")) {
		t.Errorf("what age opened is not what was written: %v", err)
	}
}
