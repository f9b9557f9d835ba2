package room

import (
	"testing"
	"time"

	"github.com/linnetmesh/linnet/conference/hearing"
	"github.com/linnetmesh/linnet/conference/rtc"
)

// FuzzFloor holds that legs that send and say whatever they like break neither a room that mixes nor one that forwards, and
// that what they make it keep is bounded.
func FuzzFloor(f *testing.F) {
	speech := hearing.Packets(0)
	f.Add([]byte{1, 1, 1, 0, 0, 30, 4, 0x78, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0}, speech[20])
	f.Add([]byte("\x02\x02\x00\xff\xff\x00\x08{\"muted\":1}"), speech[40])
	f.Fuzz(func(t *testing.T, script, payload []byte) {
		m, v := newMixing(), newForwarding()
		for id := uint32(1); id <= 3; id++ {
			m.Enter(id, &desk{videos: 2})
			v.Enter(id, &desk{videos: 2})
		}
		take := func(n int) []byte {
			n = min(n, len(script))
			b := script[:n]
			script = script[n:]
			return b
		}
		now := time.Now()
		for len(script) > 0 {
			op := append(take(7), 0, 0, 0, 0, 0, 0, 0)
			b := take(int(op[6]))
			if op[6]&1 != 0 {
				b = payload
			}
			id, p := uint32(op[0]%5), &rtc.Packet{
				Codec: rtc.Codec(op[1] % 6), Slot: int(op[1] / 64), Layer: string(rune(op[2])), Sequence: uint16(op[2])<<8 | uint16(op[3]),
				Timestamp: uint32(op[3])<<24 | uint32(op[4])*960, Marker: op[4]&1 != 0, Level: op[5], Leveled: op[5]&1 != 0, Payload: b,
			}
			switch op[1] % 8 {
			case 6:
				m.Told(id, b)
				v.Told(id, b)
			case 7:
				v.Wanted(id, int(op[2])-9)
				v.Lost(id, float64(op[3])/255)
				m.Lost(id, float64(op[3])/255)
			default:
				m.Hear(id, p)
				v.Hear(id, p)
			}
			now = now.Add(beat)
			m.step(now)
			v.spoke([]uint32{id})
			v.arrange(now)
		}
		for _, p := range m.members {
			if p.buffer.Held() > 64 {
				t.Errorf("%d packets are held", p.buffer.Held())
			}
		}
		if len(m.spare.encoders) > voices+1 || len(m.spare.decoders) > 3 {
			t.Errorf("%d encoders, %d decoders are spare", len(m.spare.encoders), len(m.spare.decoders))
		}
	})
}
