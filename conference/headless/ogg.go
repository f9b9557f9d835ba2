package headless

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/linnetmesh/linnet/conference/opus"
)

// Ogg Opus (RFC 3533, RFC 7845): pages of at most 255 segments, of which packets are made. One stream, mono or stereo.

const (
	pageHeader = 27
	preSkip    = 312 // samples that the encoder looks ahead
)

var oggTable = func() (t [256]uint32) {
	for i := range t {
		r := uint32(i) << 24
		for range 8 {
			if r&0x80000000 != 0 {
				r = r<<1 ^ 0x04c11db7
			} else {
				r <<= 1
			}
		}
		t[i] = r
	}
	return t
}()

func oggCRC(b []byte) (c uint32) {
	for _, v := range b {
		c = c<<8 ^ oggTable[byte(c>>24)^v]
	}
	return c
}

// oggPackets cuts a file into the packets of its first stream. The error is ErrFile, also for a page whose checksum is wrong.
func oggPackets(b []byte) (packets [][]byte, err error) {
	var serial uint32
	var open []byte // a packet that goes on on the next page
	for first := true; len(b) > 0; first = false {
		if len(b) < pageHeader || string(b[:4]) != "OggS" || b[4] != 0 {
			return nil, ErrFile
		}
		segments := int(b[26])
		if len(b) < pageHeader+segments {
			return nil, ErrFile
		}
		size := pageHeader + segments
		for _, s := range b[pageHeader:size] {
			size += int(s)
		}
		if len(b) < size {
			return nil, ErrFile
		}
		page := append([]byte(nil), b[:size]...)
		sum := binary.LittleEndian.Uint32(page[22:])
		clear(page[22:26])
		if oggCRC(page) != sum {
			return nil, ErrFile
		}
		b = b[size:]
		if id := binary.LittleEndian.Uint32(page[14:]); first {
			serial = id
		} else if id != serial {
			continue // another stream
		}
		body := page[pageHeader+segments:]
		for _, s := range page[pageHeader : pageHeader+segments] {
			open = append(open, body[:s]...)
			body = body[s:]
			if s < 255 {
				packets = append(packets, open)
				open = nil
			}
		}
	}
	return packets, nil
}

func parseOgg(b []byte) ([]float32, error) {
	packets, err := oggPackets(b)
	if err != nil {
		return nil, err
	}
	if len(packets) < 2 || len(packets[0]) < 19 || string(packets[0][:8]) != "OpusHead" || packets[0][18] != 0 {
		return nil, ErrFile
	}
	d, err := opus.NewDecoder()
	if err != nil {
		return nil, err
	}
	var samples []float32
	pcm := make([]float32, opus.MaxFrame)
	for _, p := range packets[2:] {
		n, err := d.Decode(p, pcm)
		if err != nil {
			return nil, ErrFile
		}
		if samples = append(samples, pcm[:n]...); len(samples) > fileSize/2 {
			return nil, ErrFile
		}
	}
	return samples[min(int(binary.LittleEndian.Uint16(packets[0][10:])), len(samples)):], nil
}

func appendOgg(b []byte, samples []float32) ([]byte, error) {
	e, err := opus.NewEncoder(opus.Options{Bitrate: 32000, Complexity: 5})
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	serial, page := rand.Uint32(), uint32(0) //nolint:gosec // it tells streams of one file apart
	write := func(kind byte, granule uint64, packets ...[]byte) {
		start := len(b)
		b = append(append(b, "OggS"...), 0, kind)
		b = le.AppendUint32(le.AppendUint32(le.AppendUint64(b, granule), serial), page)
		b = append(le.AppendUint32(b, 0), 0)
		page++
		for _, p := range packets {
			for n := len(p); ; n -= 255 {
				b = append(b, byte(min(n, 255)))
				b[start+26]++
				if n < 255 {
					break
				}
			}
		}
		for _, p := range packets {
			b = append(b, p...)
		}
		le.PutUint32(b[start+22:], oggCRC(b[start:]))
	}
	head := le.AppendUint16(append([]byte("OpusHead"), 1, 1), preSkip)
	head = append(le.AppendUint16(le.AppendUint32(head, opus.Rate), 0), 0)
	write(2, 0, head)
	tags := le.AppendUint32([]byte("OpusTags"), uint32(len("linnet")))
	write(0, 0, le.AppendUint32(append(tags, "linnet"...), 0))
	var packets [][]byte
	granule := uint64(0)
	for at := 0; at < len(samples)+preSkip; at += opus.Frame {
		frame := make([]float32, opus.Frame)
		copy(frame, samples[min(at, len(samples)):])
		p, err := e.Encode(nil, frame)
		if err != nil {
			return nil, err
		}
		packets = append(packets, p)
		granule += opus.Frame
		last := at+opus.Frame >= len(samples)+preSkip
		if len(packets) == 25 || last {
			kind := byte(0)
			if last {
				kind, granule = 4, uint64(len(samples)+preSkip)
			}
			write(kind, granule, packets...)
			packets = nil
		}
	}
	return b, nil
}
