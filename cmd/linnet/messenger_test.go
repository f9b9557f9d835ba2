package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/p2p"
)

// TestOpenNode holds that an account is made once and found again, and that nothing is left of a messenger that is closed.
func TestOpenNode(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	folder := filepath.Join(t.TempDir(), "vault")
	s := settings{Folder: folder, Host: onLoopback(p2p.Config{})}
	if _, err := openNode(s); !errors.Is(err, node.ErrNoAccount) {
		t.Fatalf("opening without an account: %v", err)
	}
	s.Name = "Ada"
	first, err := openNode(s)
	if err != nil {
		t.Fatal(err)
	}
	account, key := first.Node.Account(), first.Host.Key()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	s.Name = "somebody else"
	second, err := openNode(s)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if second.Node.Account() != account {
		t.Error("another account is there")
	}
	if second.Host.Key() == key {
		t.Error("the host is known by the same key: it can be followed")
	}

	if _, err := openNode(settings{Name: "Ada", Host: p2p.Config{Listen: []string{"nowhere"}}}); !errors.Is(err, p2p.ErrAddress) {
		t.Errorf("listening nowhere: %v", err)
	}
	if err := os.WriteFile(folder+"2", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openNode(settings{Folder: folder + "2", Name: "Ada", Host: onLoopback(p2p.Config{})}); err == nil {
		t.Error("a file is taken for a vault")
	}
}

// TestAlone holds that a messenger starts also where nobody answers, and says why what is sent does not leave.
func TestAlone(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	gone, err := p2p.New(onLoopback(p2p.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	nobody := p2p.Peer{Key: gone.Key(), Addrs: gone.Addrs()}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	ada, err := openNode(settings{Name: "Ada", Host: onLoopback(p2p.Config{})})
	if err != nil {
		t.Fatal(err)
	}
	defer ada.Close()
	ben, stop := start(t, "Ben", "", nobody)
	defer stop()
	account, err := ben.Add(ctx, ada.Node.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	ref, err := ben.Node.Send(ctx, account, "hello", node.Ref{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := ben.Node.Message(account, ref)
	if err != nil || m.State() != node.Queued {
		t.Errorf("to nobody: %v %v", m.State(), err)
	}
	if err := poll(ctx, func() bool {
		w := ben.Node.Waiting()
		return len(w) == 1 && w[0].Posts == 2 && w[0].Why != "" // the request and the text
	}); err != nil {
		t.Errorf("waiting: %v", ben.Node.Waiting())
	}
	if _, err := ben.Add(ctx, "linnet:add/nothing"); !errors.Is(err, node.ErrInvite) {
		t.Errorf("adding nothing: %v", err)
	}
}
