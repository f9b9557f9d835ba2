package p2p

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/linnetmesh/linnet/crypto/identity"
)

// LoadKey returns the transport key that a file holds, and makes both if there is no such file: public nodes keep their key.
// The file holds the 32 secret bytes, and only its owner may read it. A file that others may read, or that holds anything
// else, is refused: a new key in its place would be another node.
func LoadKey(file string) (identity.TransportPrivateKey, error) {
	var none identity.TransportPrivateKey
	b, err := readSecret(file)
	switch {
	case err == nil:
		defer clear(b)
		key, err := identity.ParseTransportPrivateKey(b)
		if err != nil {
			return none, fmt.Errorf("p2p: %s holds no transport key", file)
		}
		return key, nil
	case !errors.Is(err, fs.ErrNotExist):
		return none, err
	}
	key := identity.GenerateTransportKey()
	if err := writeSecret(file, key.AppendTo(nil)); err != nil {
		return none, fmt.Errorf("keeping the transport key: %w", err)
	}
	return key, nil
}

func readSecret(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading the transport key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the transport key: %w", err)
	case !info.Mode().IsRegular() || info.Size() != identity.KeySize:
		return nil, fmt.Errorf("p2p: %s holds no transport key", file)
	case !private(info.Mode()):
		return nil, fmt.Errorf("p2p: others may read %s; chmod 600 it", file)
	}
	b := make([]byte, identity.KeySize)
	_, err = f.Read(b)
	return b, err
}

// writeSecret writes a file whole or not at all: first beside it, then, when the disk has it, in its place, where there must
// be none.
func writeSecret(file string, b []byte) error {
	defer clear(b)
	f, err := os.CreateTemp(filepath.Dir(file), ".key-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), file)
}

// ParseKey reads the text form of a transport key, "linnetnode1…". The errors are those of identity.ParseAddress.
func ParseKey(text string) (key identity.TransportKey, err error) {
	err = key.UnmarshalText([]byte(text))
	return key, err
}
