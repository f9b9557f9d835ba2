package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/linnetmesh/linnet/mailbox"
)

// list is boxes, nodes, and ranges of addresses.
type list struct {
	boxes  map[mailbox.BoxID]bool
	nodes  map[mailbox.NodeKey]bool
	ranges []netip.Prefix
}

// listOf reads a list. Its errors say what of it is wrong.
func listOf(all []string) (*list, error) {
	l := &list{boxes: make(map[mailbox.BoxID]bool), nodes: make(map[mailbox.NodeKey]bool)}
	for _, text := range all {
		if err := l.add(text); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// bans are who is not served: a line each in the file "banned" of the folder. It may be used by several goroutines at once.
type bans struct{ atomic.Pointer[list] }

func bansFile(folder string) string { return filepath.Join(folder, "banned") }

// read reads the file; without one, nobody is banned.
func (b *bans) read(folder string) error {
	next := &list{boxes: make(map[mailbox.BoxID]bool), nodes: make(map[mailbox.NodeKey]bool)}
	f, err := os.Open(bansFile(folder))
	if errors.Is(err, fs.ErrNotExist) {
		b.Store(next)
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading bans: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if err := next.add(text); err != nil {
			return fmt.Errorf("%s, line %d: %w", bansFile(folder), n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading bans: %w", err)
	}
	b.Store(next)
	return nil
}

// add adds a box, a node or a range of addresses.
func (b *list) add(text string) error {
	var node mailbox.NodeKey
	if raw, err := hex.DecodeString(text); err == nil && len(raw) == len(mailbox.BoxID{}) {
		b.boxes[mailbox.BoxID(raw)] = true
		return nil
	}
	if node.UnmarshalText([]byte(text)) == nil {
		b.nodes[node] = true
		return nil
	}
	if ip, err := netip.ParseAddr(text); err == nil {
		b.ranges = append(b.ranges, netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()))
		return nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return fmt.Errorf("%q is no box, node, or range of addresses", text)
	}
	b.ranges = append(b.ranges, prefix.Masked())
	return nil
}

// has tells whether a node or a box is banned.
func (b *bans) has(node mailbox.NodeKey, box mailbox.BoxID) bool {
	l := b.Load()
	return l.nodes[node] || l.boxes[box]
}

// refuse tells whether a node is banned, or where it comes from.
func (b *bans) refuse(node mailbox.NodeKey, from net.Addr) bool { return b.Load().names(node, from) }

// names tells whether a node is on the list, or where it comes from.
func (b *list) names(node mailbox.NodeKey, from net.Addr) bool {
	if b.nodes[node] {
		return true
	}
	at, err := netip.ParseAddrPort(from.String())
	if err != nil { // through another relay: nobody knows from where
		return false
	}
	for _, r := range b.ranges {
		if r.Contains(at.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// ban adds lines to the file, and has the running relay, if there is one, read it.
func ban(ctx context.Context, cfg config, all []string, out io.Writer) error {
	if _, err := listOf(all); err != nil {
		return fmt.Errorf("%w: %w", err, errUsage)
	}
	f, err := os.OpenFile(bansFile(cfg.Folder), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keeping bans: %w", err)
	}
	_, err = f.WriteString(strings.Join(all, "\n") + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("keeping bans: %w", err)
	}
	if err := ask(ctx, cfg, "POST", "/reload", out); !errors.Is(err, errNotRunning) {
		return err
	}
	_, err = fmt.Fprintln(out, "kept for the next start")
	return err
}
