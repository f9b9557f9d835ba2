package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/linnetmesh/linnet/conference/room"
	"github.com/linnetmesh/linnet/p2p"
)

// config is the TOML file. Its zero value is never used: defaults is what it begins with.
type config struct {
	Folder   string   `toml:"folder"`   // of the key and the token
	Name     string   `toml:"name"`     // whose mixer it is, as people see it
	Listen   []string `toml:"listen"`   // multiaddrs; empty means port 4757 on all interfaces
	Announce []string `toml:"announce"` // multiaddrs that others should use besides
	HTTP     string   `toml:"http"`     // address of the WHIP endpoint; empty: none
	Metrics  string   `toml:"metrics"`  // address of /metrics and /healthz, loopback; empty: none
	Local    bool     `toml:"local"`    // for one machine or LAN: addresses that are not public count
	Grace    duration `toml:"grace"`    // how long calls may end when it is stopped

	Media  mediaConfig  `toml:"media"`
	Limits limitsConfig `toml:"limits"`
	Open   openConfig   `toml:"open"`
	Rooms  []roomConfig `toml:"room"`
}

type mediaConfig struct {
	Port   uint16       `toml:"port"`   // UDP and TCP
	TCP    bool         `toml:"tcp"`    // also ICE-TCP
	Public []netip.Addr `toml:"public"` // addresses to tell instead of the machine's own: behind a 1:1 NAT
}

type limitsConfig struct {
	Rooms    int      `toml:"rooms"`
	Legs     int      `toml:"legs"`
	RoomLegs int      `toml:"room_legs"`
	Mbit     float64  `toml:"mbit"` // of the line, in one direction; 0: no limit
	Empty    duration `toml:"empty"`
}

// openConfig says who may open rooms.
type openConfig struct {
	Who    string   `toml:"who"`    // "token", "allow" or "open"
	Tokens []string `toml:"tokens"` // none with "token": one is made, and kept in the folder
	Allow  []string `toml:"allow"`  // linnetnode1… keys of nodes
}

type roomConfig struct {
	Name    string `toml:"name"`
	Token   string `toml:"token"`
	Forward bool   `toml:"forward"`
	Legs    int    `toml:"legs"`
}

// duration is a time.Duration as text: "90s".
type duration time.Duration

// UnmarshalText reads what time.ParseDuration does.
func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = duration(v)
	return err
}

// MarshalText returns the text form.
func (d duration) MarshalText() ([]byte, error) { //nolint:unparam // encoding.TextMarshaler
	return []byte(time.Duration(d).String()), nil
}

func defaults() (config, error) {
	folder, err := stateFolder()
	return config{
		Folder: folder, HTTP: "127.0.0.1:4759", Metrics: "127.0.0.1:4760", Grace: duration(30 * time.Second),
		Media:  mediaConfig{Port: 4761, TCP: true},
		Limits: limitsConfig{Rooms: 64, Legs: 200, RoomLegs: 100, Empty: duration(10 * time.Minute)},
		Open:   openConfig{Who: "token"},
	}, err
}

// stateFolder is where systemd says, or where a user's programs keep what they must not lose.
func stateFolder() (string, error) {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "linnet-mixer"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("finding a folder, name one with --folder: %w", err)
	}
	return filepath.Join(home, ".local", "state", "linnet-mixer"), nil
}

// loadConfig reads a file over the defaults; without a name, the defaults. A key that is not known is refused: it may be a
// slip, and what it was to protect would not be.
func loadConfig(file string) (config, error) {
	c, err := defaults()
	if err != nil && file == "" {
		return c, err
	}
	if file == "" {
		return c, nil
	}
	meta, err := toml.DecodeFile(file, &c)
	if err != nil {
		return c, fmt.Errorf("reading %s: %w", file, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		var names []string
		for _, k := range unknown {
			names = append(names, k.String())
		}
		return c, fmt.Errorf("%s: no such keys: %s", file, strings.Join(names, ", "))
	}
	if err := c.check(); err != nil {
		return c, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// check complains of all that is wrong.
func (c *config) check() error {
	var errs []error
	for name, address := range map[string]string{"http": c.HTTP, "metrics": c.Metrics} {
		if _, _, err := net.SplitHostPort(address); address != "" && err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if !isLoopback(c.Metrics) {
		errs = append(errs, errors.New("metrics: not a loopback address; put a proxy that asks who it is before it"))
	}
	switch c.Open.Who {
	case "token", "open":
		if len(c.Open.Allow) > 0 {
			errs = append(errs, fmt.Errorf("open: an allow list, and who is %q", c.Open.Who))
		}
	case "allow":
		if len(c.Open.Allow) == 0 {
			errs = append(errs, errors.New("open: the allow list is empty"))
		}
	default:
		errs = append(errs, fmt.Errorf("open: who is %q; token, allow or open", c.Open.Who))
	}
	if len(c.Name) > 64 {
		errs = append(errs, errors.New("name: more than 64 bytes"))
	}
	h, err := c.house(nil)
	if err == nil {
		err = h.Check()
	}
	return errors.Join(append(errs, err)...)
}

func isLoopback(address string) bool {
	if address == "" {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	ip, perr := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || perr == nil && ip.IsLoopback())
}

// house is what the rooms are told; tokens are those of the folder.
func (c *config) house(tokens []string) (room.HouseConfig, error) {
	h := room.HouseConfig{
		Open: c.Open.Who == "open", Rooms: c.Limits.Rooms, Legs: c.Limits.Legs, RoomLegs: c.Limits.RoomLegs,
		Bandwidth: c.Limits.Mbit, Empty: time.Duration(c.Limits.Empty),
		Port: c.Media.Port, NoTCP: !c.Media.TCP, Public: c.Media.Public, LoopbackOnly: c.Local && len(c.Media.Public) == 0 && c.Media.Port == 0,
	}
	if c.Open.Who == "token" {
		h.Tokens = append(append(h.Tokens, c.Open.Tokens...), tokens...)
	}
	for _, r := range c.Rooms {
		h.Fixed = append(h.Fixed, room.FixedRoom{Name: r.Name, Token: r.Token, Forward: r.Forward, Legs: r.Legs})
	}
	var errs []error
	for _, text := range c.Open.Allow {
		key, err := p2p.ParseKey(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("open: allow %q: %w", text, err))
		}
		h.Allow = append(h.Allow, key)
	}
	return h, errors.Join(errs...)
}

// print writes the configuration as TOML, with tokens hidden.
func (c *config) print(w io.Writer) error {
	shown := *c
	shown.Rooms = append([]roomConfig(nil), c.Rooms...)
	for i := range shown.Rooms {
		shown.Rooms[i].Token = "(hidden)"
	}
	shown.Open.Tokens = nil
	for range c.Open.Tokens {
		shown.Open.Tokens = append(shown.Open.Tokens, "(hidden)")
	}
	return toml.NewEncoder(w).Encode(shown)
}
