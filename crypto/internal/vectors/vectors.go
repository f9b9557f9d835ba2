// Package vectors reads and writes recorded test vectors: JSON files whose byte strings are lower-case hex. Only tests import it.
package vectors

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
)

// Hex is a byte string of a vector.
type Hex []byte

// UnmarshalText reads hex.
func (h *Hex) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*h = b
	return err
}

// MarshalText writes hex.
func (h Hex) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

// Read reads the JSON file into v. It panics where that fails: a test without its vectors must not go on.
func Read(file string, v any) {
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		panic(fmt.Sprintf("vectors: %v", err))
	}
}

// Write writes v into the JSON file, for tests that were told to record anew.
func Write(file string, v any) {
	b, err := json.MarshalIndent(v, "", " ")
	if err == nil {
		err = os.WriteFile(file, append(b, '\n'), 0o600)
	}
	if err != nil {
		panic(fmt.Sprintf("vectors: %v", err))
	}
}
