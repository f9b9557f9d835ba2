package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/linnetmesh/linnet/node"
	"github.com/linnetmesh/linnet/node/api"
)

// killRounds is how often a test kills, unless LINNET_KILLS says.
func killRounds(t *testing.T, usual int) int {
	t.Helper()
	if s := os.Getenv("LINNET_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return usual
}

// home is a Linnet in a folder of its own, to which a test talks as somebody does who types.
type home struct {
	t      *testing.T
	folder string
	env    []string // beside that of the test
}

// command is a linnet that is about to be started. PATH leads to the test binary, see TestMain.
func (h *home) command(in string, args ...string) *exec.Cmd {
	c := exec.CommandContext(h.t.Context(), "linnet", args...)
	c.Env, c.Stdin = append(append(os.Environ(), "LINNET_HOME="+h.folder), h.env...), strings.NewReader(in)
	return c
}

// linnet runs linnet, which must succeed.
func (h *home) linnet(in string, args ...string) []byte {
	h.t.Helper()
	c := h.command(in, args...)
	var out, problems bytes.Buffer
	c.Stdout, c.Stderr = &out, &problems
	if err := c.Run(); err != nil {
		h.t.Fatalf("linnet %v: %v\n%s%s", args, err, out.Bytes(), problems.Bytes())
	}
	return out.Bytes()
}

func (h *home) up(args ...string) {
	h.t.Helper()
	h.linnet("", append([]string{"up", "--loopback", "--listen", "off", "--json"}, args...)...)
}

// lock is the file of the daemon's lock.
func (h *home) lock() string { return filepath.Join(h.folder, "accounts", "linnet.lock") }

// kill kills the daemon, and waits until it is gone.
func (h *home) kill() {
	h.t.Helper()
	if pid, held := daemonPID(h.lock()); held {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
	if err := poll(h.t.Context(), func() bool { _, held := daemonPID(h.lock()); return !held }); err != nil {
		h.t.Fatal(err)
	}
}

// until polls what linnet says.
func (h *home) until(what string, args ...string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	if err := poll(ctx, func() bool {
		out, err := h.command("", args...).Output()
		return err == nil && bytes.Contains(out, []byte(what))
	}); err != nil {
		h.t.Fatalf("linnet %v never said %s", args, what)
	}
}

// messages counts those of the conversation with Ben.
func (h *home) messages() int {
	h.t.Helper()
	var all struct {
		Count int `json:"count"`
	}
	if err := json.Unmarshal(h.linnet("", "history", "@ben", "--account", "ada", "--export", "json"), &all); err != nil {
		h.t.Fatal(err)
	}
	return all.Count
}

// account returns Ada's, as the daemon has it, nil if there is none.
func (h *home) account() *api.Account {
	h.t.Helper()
	var all api.Accounts
	if err := json.Unmarshal(h.linnet("", "account", "--json"), &all); err != nil {
		h.t.Fatal(err)
	}
	for i := range all.Accounts {
		if all.Accounts[i].Name == "ada" {
			return &all.Accounts[i]
		}
	}
	return nil
}

// cut starts a command, kills it or the daemon soon after it began to write what the pattern matches, and returns how it ended.
func (h *home) cut(c *exec.Cmd, daemon bool, pattern string, usual time.Duration) error {
	h.t.Helper()
	if err := c.Start(); err != nil {
		h.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	wrote := false
	for tick := time.NewTicker(time.Millisecond); !wrote; {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
			found, err := filepath.Glob(pattern)
			wrote = err == nil && len(found) > 0
		}
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(rand.N(usual)):
	}
	if daemon {
		h.kill()
	} else {
		_ = c.Process.Kill()
	}
	return <-ended
}

// keys make backups that open at once, which passphrases do not.
func keys(t *testing.T) (recipient, file string, key node.BackupKey) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "identity")
	if err := os.WriteFile(file, []byte(id.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return id.Recipient().String(), file, node.BackupKey{Identities: id.String()}
}

// TestKillBackup kills, with SIGKILL, who makes a backup and who has one made, and then who restores one and who has one
// restored, at random moments. There is a whole backup under its name, or none; the whole account is restored, or none; and
// nothing that was there is lost.
func TestKillBackup(t *testing.T) {
	rounds := killRounds(t, 3)
	const said = 300
	ada := &home{t: t, folder: t.TempDir()}
	defer ada.kill()
	ada.up("--name", "Ada")
	ada.linnet("", "init", "--name", "Ben")
	var invite api.Invite
	if err := json.Unmarshal(ada.linnet("", "invite", "--account", "ben", "--json"), &invite); err != nil {
		t.Fatal(err)
	}
	ada.linnet("", "add", invite.Link)
	ada.until("@Ben", "contacts")
	client := api.DialSocket(filepath.Join(ada.folder, "linnet.sock"))
	pad := make([]byte, 4<<10) // that does not compress
	for i := range said {
		for j := range pad {
			pad[j] = byte('a' + rand.N(26))
		}
		in := api.InSend{InContact: api.InContact{InAccount: api.InAccount{Account: "ada"}, Contact: "ben"}}
		in.Body.Text = fmt.Sprintf("%d %s", i, pad)
		if _, err := api.SendMessage.Call(t.Context(), client, in); err != nil {
			t.Fatal(err)
		}
	}
	words := string(ada.linnet("", "words"))
	recipient, identity, key := keys(t)
	verify := func(path string) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		got, err := node.VerifyBackup(t.Context(), f, key)
		if err == nil && (got.Messages != said || got.Contacts != 1 || got.Damaged != 0) {
			err = fmt.Errorf("there is something else in it: %+v", got)
		}
		return err
	}
	folder := t.TempDir()
	whole := filepath.Join(folder, "whole")
	ada.linnet("", "backup", "create", whole, "--recipient", recipient)
	if err := verify(whole); err != nil {
		t.Fatal(err)
	}
	made := 0
	for round := range rounds {
		path := filepath.Join(folder, strconv.Itoa(round))
		err := ada.cut(ada.command("", "backup", "create", path, "--recipient", recipient), round%2 == 0, filepath.Join(folder, ".*"+unfinishedFile), 60*time.Millisecond)
		ada.up()
		switch verr := verify(path); {
		case verr == nil:
			made++
		case err == nil || !errors.Is(verr, os.ErrNotExist):
			t.Errorf("round %d: it ended with %v, and the backup: %v", round, err, verr)
		}
		if n := ada.messages(); n != said {
			t.Errorf("round %d: there are %d messages", round, n)
		}
	}

	restored := 0
	args := []string{"backup", "restore", whole, "--identity", identity}
	again := func(h *home, round int) {
		a := h.account()
		if a == nil {
			h.linnet(words, args...)
			a = h.account()
		} else {
			restored++
		}
		if err := poll(t.Context(), func() bool { a = h.account(); return a != nil && a.State == stateRunning }); err != nil || len(a.Devices) != 1 {
			t.Errorf("round %d: %v, the account is %+v", round, err, a)
		}
		if n := h.messages(); n != said {
			t.Errorf("round %d: %d messages were restored", round, n)
		}
	}
	for round := range rounds {
		h := &home{t: t, folder: t.TempDir()}
		h.up()
		daemon := round%2 == 0
		err := h.cut(h.command(words, args...), daemon, filepath.Join(h.folder, "accounts", unfinished+"*"), 200*time.Millisecond)
		if daemon {
			h.up()
		} else if perr := poll(t.Context(), func() bool { // the daemon ends what nobody waits for
			left, err := filepath.Glob(filepath.Join(h.folder, "accounts", unfinished+"*"))
			return err == nil && len(left) == 0
		}); perr != nil {
			t.Fatal(perr)
		}
		if err == nil && h.account() == nil {
			t.Errorf("round %d: it said that it restored, and did not", round)
		}
		again(h, round)
		if left, err := filepath.Glob(filepath.Join(h.folder, "accounts", unfinished+"*")); err != nil || len(left) > 0 {
			t.Errorf("round %d: this is left: %v, %v", round, left, err)
		}
		h.kill()
	}
	if err := verify(whole); err != nil {
		t.Errorf("the backup itself: %v", err)
	}
	t.Logf("%d kills while a backup was made, %d of them too late; %d while one was restored, %d of them too late", rounds, made, rounds, restored)
}
