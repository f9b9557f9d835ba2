package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/linnetmesh/linnet/mailbox"
	"github.com/linnetmesh/linnet/p2p"
)

// config is the TOML file.
type config struct {
	Folder    string   `toml:"-"`         // of the key and the post
	Listen    []string `toml:"listen"`    // multiaddrs; empty means port 4747 on all interfaces, and WebSocket on 4748
	Announce  []string `toml:"announce"`  // multiaddrs that others should use besides, such as a name with a TLS proxy before it
	Bootstrap []string `toml:"bootstrap"` // nodes through which the relay gets into the DHT: multiaddrs that end with /p2p/…
	Metrics   string   `toml:"metrics"`   // address of /metrics, /healthz and /readyz, loopback; empty: none
	Local     bool     `toml:"local"`     // for one machine or LAN: addresses that are not public count
	Small     bool     `toml:"small"`     // smaller files, for a disk of less than a GiB
	Hidden    bool     `toml:"hidden"`    // publish nothing of itself in the DHT: who is to find it needs its address
	MinFree   int64    `toml:"min_free"`  // bytes of the disk that are left free; 0: 5 %, at most 256 MiB

	Limits   limitsConfig   `toml:"limits"`
	Network  networkConfig  `toml:"network"`
	Circuits circuitsConfig `toml:"circuits"`
}

// networkConfig is p2p.Conns.
type networkConfig struct {
	Conns           int   `toml:"conns"`
	ConnsPerAddress int   `toml:"conns_per_address"`
	Memory          int64 `toml:"memory"`
}

func (c networkConfig) conns() p2p.Conns {
	return p2p.Conns{Total: c.Conns, PerAddress: c.ConnsPerAddress, Memory: c.Memory}
}

// circuitsConfig is p2p.Circuits.
type circuitsConfig struct {
	Off              bool     `toml:"off"`
	Allow            []string `toml:"allow"` // nodes and ranges of addresses; empty: all but those who are banned
	Places           int      `toml:"places"`
	PlacesPerAddress int      `toml:"places_per_address"`
	PlacesPerNetwork int      `toml:"places_per_network"`
	Each             int      `toml:"each"`
	Duration         duration `toml:"duration"`
	Data             int64    `toml:"data"`
}

func (c circuitsConfig) circuits() p2p.Circuits {
	return p2p.Circuits{
		Off: c.Off, Places: c.Places, PlacesPerAddress: c.PlacesPerAddress, PlacesPerNetwork: c.PlacesPerNetwork,
		Each: c.Each, Duration: time.Duration(c.Duration), Data: c.Data,
	}
}

// limitsConfig is mailbox.Limits. A zero is the default; OPERATING.md says what each means.
type limitsConfig struct {
	MailPosts       int      `toml:"mail_posts"`
	MailBytes       int64    `toml:"mail_bytes"`
	ShelfPosts      int      `toml:"shelf_posts"`
	ShelfBytes      int64    `toml:"shelf_bytes"`
	BlobPosts       int      `toml:"blob_posts"`
	BlobBytes       int64    `toml:"blob_bytes"`
	Keep            duration `toml:"keep"`
	KeepStranger    duration `toml:"keep_stranger"`
	KeepBox         duration `toml:"keep_box"`
	TotalBytes      int64    `toml:"total_bytes"`
	Boxes           int      `toml:"boxes"`
	BoxesNear       int      `toml:"boxes_near"`
	BoxesFar        int      `toml:"boxes_far"`
	TokenRate       int      `toml:"token_rate"`
	TokenBurst      int      `toml:"token_burst"`
	StrangerRate    int      `toml:"stranger_rate"`
	StrangerBurst   int      `toml:"stranger_burst"`
	StrangerRateAll int      `toml:"stranger_rate_all"`
	WorkBits        int      `toml:"work_bits"`
	Conns           int      `toml:"conns"`
	ConnsPerNode    int      `toml:"conns_per_node"`
	Memory          int64    `toml:"memory"`
	WeakMemory      int64    `toml:"weak_memory"`
}

func (l limitsConfig) limits() mailbox.Limits {
	return mailbox.Limits{
		MailPosts: l.MailPosts, MailBytes: l.MailBytes, ShelfPosts: l.ShelfPosts, ShelfBytes: l.ShelfBytes,
		BlobPosts: l.BlobPosts, BlobBytes: l.BlobBytes, Keep: time.Duration(l.Keep), KeepStranger: time.Duration(l.KeepStranger),
		KeepBox: time.Duration(l.KeepBox), TotalBytes: l.TotalBytes, Boxes: l.Boxes, BoxesNear: l.BoxesNear, BoxesFar: l.BoxesFar,
		TokenRate: l.TokenRate, TokenBurst: l.TokenBurst, StrangerRate: l.StrangerRate, StrangerBurst: l.StrangerBurst,
		StrangerRateAll: l.StrangerRateAll, WorkBits: l.WorkBits, Conns: l.Conns, ConnsPerNode: l.ConnsPerNode,
		Memory: l.Memory, WeakMemory: l.WeakMemory,
	}
}

// duration is a time.Duration as text: "720h".
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

// defaults are the configuration of who has none.
func defaults(folder string) (config, error) {
	c := config{Metrics: "127.0.0.1:4749", Folder: folder}
	var err error
	if folder == "" {
		c.Folder, err = stateFolder()
	}
	return c, err
}

// stateFolder is where systemd says, or where a user's programs keep what they must not lose.
func stateFolder() (string, error) {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "linnet-relay"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("finding a folder, name one with --folder: %w", err)
	}
	return filepath.Join(home, ".local", "state", "linnet-relay"), nil
}

// loadConfig reads a file over the defaults. A key that is not known is refused: it may be a slip, and what it was to
// limit would have no limit.
func loadConfig(folder, file string) (config, error) {
	c, err := defaults(folder)
	if err != nil {
		return c, err
	}
	named := file != ""
	if !named {
		file = filepath.Join(c.Folder, "relay.toml")
	}
	meta, err := toml.DecodeFile(file, &c)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named:
		return c, nil
	case err != nil:
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
	errs := []error{c.Limits.limits().Validate()}
	if !isLoopback(c.Metrics) {
		errs = append(errs, errors.New("metrics: not a loopback address; put a proxy that asks who it is before it"))
	}
	if c.MinFree < 0 {
		errs = append(errs, errors.New("min_free: less than 0"))
	}
	if _, err := listOf(c.Circuits.Allow); err != nil {
		errs = append(errs, fmt.Errorf("circuits.allow: %w", err))
	}
	host, err := c.host()
	if err == nil {
		err = host.Validate()
	}
	return errors.Join(append(errs, err)...)
}

// host is the part of the host, without its key, its log, and whom it serves.
func (c *config) host() (p2p.Config, error) {
	h := p2p.Config{
		Role: p2p.Relay, Announce: c.Announce, Local: c.Local, Conns: c.Network.conns(), Circuits: c.Circuits.circuits(),
	}
	if len(c.Listen) > 0 { // an empty list, as init writes it, means the same as none
		h.Listen = c.Listen
	}
	if c.Local {
		h.Diversity = -1
	}
	var err error
	h.Bootstrap, err = c.starters()
	return h, err
}

func (c *config) starters() (peers []p2p.Peer, err error) {
	for _, text := range c.Bootstrap {
		p, err := p2p.ParsePeer(text)
		if err != nil {
			return nil, fmt.Errorf("bootstrap: %w", err)
		}
		peers = append(peers, p)
	}
	return peers, nil
}

func isLoopback(address string) bool {
	if address == "" {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	ip, perr := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || perr == nil && ip.IsLoopback())
}
