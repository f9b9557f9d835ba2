package rtc

import "sync/atomic"

// Traffic is what went through the UDP port of an endpoint, with STUN, DTLS and RTCP; bytes are those within UDP, so with IPv4
// a packet has 28 more on the line.
type Traffic struct {
	PacketsIn, BytesIn, PacketsOut, BytesOut uint64
}

// meter counts. It is safe for several goroutines.
type meter struct{ packetsIn, bytesIn, packetsOut, bytesOut atomic.Uint64 }

func (m *meter) read() Traffic {
	return Traffic{m.packetsIn.Load(), m.bytesIn.Load(), m.packetsOut.Load(), m.bytesOut.Load()}
}

func (m *meter) in(n int) {
	if n > 0 {
		m.packetsIn.Add(1)
		m.bytesIn.Add(uint64(n))
	}
}

func (m *meter) out(n int) {
	if n > 0 {
		m.packetsOut.Add(1)
		m.bytesOut.Add(uint64(n))
	}
}
