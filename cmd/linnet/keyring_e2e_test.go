//go:build e2e && linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// desktop is what a desktop has for secrets: a session bus, and on it GNOME's keyring. Both are the test's own.
type desktop struct {
	t       *testing.T
	folder  string
	address string // of the bus
	keyring *exec.Cmd
}

// busConfig is that of a session's bus which starts nothing by itself.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>
`

func startDesktop(t *testing.T) *desktop {
	t.Helper()
	d := &desktop{t: t, folder: t.TempDir()}
	config := filepath.Join(d.folder, "bus.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, busConfig, d.folder), 0o600); err != nil {
		t.Fatal(err)
	}
	bus := exec.Command("dbus-daemon", "--config-file="+config, "--nofork", "--print-address")
	bus.Stderr = os.Stderr
	out, err := bus.StdoutPipe()
	if err == nil {
		err = bus.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = bus.Process.Kill()
		_ = bus.Wait()
	})
	if d.address, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal("the bus said no address: ", err)
	}
	d.address = strings.TrimSpace(d.address)
	t.Cleanup(d.end)
	return d
}

// env is what a process of the desktop has in its environment.
func (d *desktop) env() []string {
	return []string{
		"DBUS_SESSION_BUS_ADDRESS=" + d.address, "HOME=" + d.folder, "XDG_DATA_HOME=" + d.folder, "XDG_RUNTIME_DIR=" + d.folder,
		"XDG_CONFIG_HOME=" + d.folder, "XDG_CACHE_HOME=" + d.folder, "DISPLAY=", "WAYLAND_DISPLAY=",
	}
}

// begin starts the keyring, and opens it by the password of who logs in, if that is not empty.
func (d *desktop) begin(password string) {
	d.t.Helper()
	args := []string{"--foreground", "--components=secrets", "--control-directory=" + filepath.Join(d.folder, "control")}
	if password != "" {
		args = append(args, "--unlock")
	}
	d.keyring = exec.Command("gnome-keyring-daemon", args...)
	d.keyring.Env, d.keyring.Stdin = append(os.Environ(), d.env()...), strings.NewReader(password)
	if err := d.keyring.Start(); err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	if err := poll(ctx, func() bool {
		out, err := exec.CommandContext(ctx, "dbus-send", "--bus="+d.address, "--print-reply", "--dest=org.freedesktop.DBus", "/",
			"org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets").Output()
		return err == nil && strings.Contains(string(out), "boolean true")
	}); err != nil {
		d.t.Fatal("the keyring does not come up: ", err)
	}
}

// end ends the keyring, as a logout does.
func (d *desktop) end() {
	if d.keyring != nil {
		_ = d.keyring.Process.Kill()
		_ = d.keyring.Wait()
		d.keyring = nil
	}
}

// TestSecretService holds what TestKeyring holds of a stand-in with the keyring of GNOME, the Secret Service of most desktops:
// a passphrase in it opens the account with each daemon, also after a logout, and follows a change. Where the keyring is locked
// or gone, the account waits for its passphrase, and can be opened by hand.
func TestSecretService(t *testing.T) {
	d := startDesktop(t)
	d.begin("login")
	h := &home{t: t, folder: t.TempDir(), env: d.env()}
	h.up()
	defer h.kill()
	h.linnet("correct horse\n", "init", "--name", "Ada", "--keyring")
	again := func(want string) {
		t.Helper()
		h.linnet("", "down")
		h.up()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := poll(ctx, func() bool { a := h.account(); return a != nil && a.Problem != beingOpened }); err != nil {
			t.Fatal(err)
		}
		if a := h.account(); a.State != want {
			t.Fatalf("%+v, want %s", a, want)
		}
	}
	again(stateRunning)
	h.linnet("correct horse\nbattery staple\n", "account", "passphrase")
	again(stateRunning)

	d.end()
	again(stateLocked)
	d.begin("") // nobody has logged in, and nobody is there to type
	again(stateLocked)
	h.linnet("battery staple\n", "account", "unlock")
	if a := h.account(); a.State != stateRunning {
		t.Errorf("opened by hand: %+v", a)
	}
	c := h.command("third\n", "init", "--name", "Ben", "--keyring")
	if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), "do without --keyring") {
		t.Errorf("a locked keyring took a passphrase: %v %s", err, out)
	}
	d.end()

	d.begin("login")
	again(stateRunning)
	h.linnet("battery staple\n\n", "account", "passphrase") // none any more: the keyring forgets it
	h.linnet("\nfourth\n", "account", "passphrase")
	again(stateLocked)
	h.linnet("fourth\n", "account", "unlock", "--keyring")
	again(stateRunning)
}
