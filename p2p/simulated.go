package p2p

import "github.com/libp2p/go-libp2p"

// Simulate is for tests: the host lives on a simulated network, which these options of the library put in place of the
// machine's. What opens sockets of its own is left out then: AutoNAT and the search for a router (UPnP). Package p2ptest
// has such a network; a program has no use for it.
func (c *Config) Simulate(options ...libp2p.Option) {
	c.simulated = append([]libp2p.Option{}, options...)
}
