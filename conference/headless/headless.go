// Package headless is a participant without a face: it plays a file into a call and records what it hears.
//
// It is for bots, for bridges, for linnet call --play FILE --record FILE, and for tests. It speaks Opus as a browser does:
// 20 ms frames with FEC and DTX, and the level beside each packet. When its leg or its mixer is lost it enters again, and the
// recording goes on, with silence for what was not heard.
//
//	wav.go, ogg.go   files; participant.go the participant; way.go how it enters
package headless

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// ErrFile says that a file is no WAV or Ogg Opus that can be read here.
var ErrFile = errors.New("headless: not a WAV (PCM, 16 bits) or Ogg Opus file")

// fileSize is the most bytes that a file may have: 45 minutes of WAV at 48 kHz.
const fileSize = 256 << 20

// ReadFile reads a WAV or Ogg Opus file as samples at 48 kHz, mono, -1 to 1.
func ReadFile(path string) ([]float32, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading audio: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, fileSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading audio: %w", err)
	case len(b) > fileSize:
		return nil, fmt.Errorf("%w: more than %d MiB", ErrFile, fileSize>>20)
	case bytes.HasPrefix(b, []byte("OggS")):
		return parseOgg(b)
	default:
		return parseWAV(b)
	}
}

// WriteFile writes samples as a file, Ogg Opus if its name ends in .ogg or .opus, and else WAV. It is the owner's alone.
func WriteFile(path string, samples []float32) error {
	var b []byte
	switch strings.ToLower(filepath.Ext(path)) {
	case ".ogg", ".opus":
		var err error
		if b, err = appendOgg(nil, samples); err != nil {
			return err
		}
	default:
		b = appendWAV(nil, samples)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("writing audio: %w", err)
	}
	return nil
}
