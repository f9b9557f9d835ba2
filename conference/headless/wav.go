package headless

import (
	"encoding/binary"
	"math"

	"github.com/linnetmesh/linnet/conference/opus"
)

// parseWAV reads RIFF WAVE: PCM of 16 bits, any number of channels up to 8, of which it takes the mean, any rate from 8 to 192
// kHz. Chunks that it does not know are passed over.
func parseWAV(b []byte) ([]float32, error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, ErrFile
	}
	channels, rate := 0, 0
	for b = b[12:]; len(b) >= 8; {
		name, size := string(b[:4]), uint64(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		body := b[:min(size, uint64(len(b)))] // a stream that was cut has a size that is too large
		switch name {
		case "fmt ":
			if len(body) < 16 {
				return nil, ErrFile
			}
			format, bits := binary.LittleEndian.Uint16(body), binary.LittleEndian.Uint16(body[14:])
			channels, rate = int(binary.LittleEndian.Uint16(body[2:])), int(binary.LittleEndian.Uint32(body[4:]))
			if (format != 1 && format != 0xfffe) || bits != 16 || channels < 1 || channels > 8 || rate < 8000 || rate > 192000 {
				return nil, ErrFile
			}
		case "data":
			if channels == 0 {
				return nil, ErrFile
			}
			return resample(mono(body, channels), rate), nil
		}
		b = b[min(size+size&1, uint64(len(b))):]
	}
	return nil, ErrFile
}

func mono(b []byte, channels int) []float32 {
	samples := make([]float32, len(b)/2/channels)
	for i := range samples {
		sum := 0
		for c := range channels {
			sum += int(int16(binary.LittleEndian.Uint16(b[2*(i*channels+c):])))
		}
		samples[i] = float32(sum) / float32(channels) / 32768
	}
	return samples
}

// resample brings samples to 48 kHz by straight lines between them: enough for a voice.
func resample(in []float32, rate int) []float32 {
	if rate == opus.Rate || len(in) == 0 {
		return in
	}
	out := make([]float32, int(int64(len(in))*opus.Rate/int64(rate)))
	for i := range out {
		at := float64(i) * float64(rate) / opus.Rate
		j := min(int(at), len(in)-1)
		k := min(j+1, len(in)-1)
		out[i] = in[j] + (in[k]-in[j])*float32(at-float64(j))
	}
	return out
}

func appendWAV(b []byte, samples []float32) []byte {
	size := uint32(2 * len(samples))
	le := binary.LittleEndian
	b = le.AppendUint32(append(b, "RIFF"...), 36+size)
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(le.AppendUint16(b, 1), 1)
	b = le.AppendUint32(le.AppendUint32(b, opus.Rate), 2*opus.Rate)
	b = le.AppendUint16(le.AppendUint16(b, 2), 16)
	b = le.AppendUint32(append(b, "data"...), size)
	for _, v := range samples {
		b = le.AppendUint16(b, uint16(int16(math.Round(float64(min(max(v, -1), 1))*32767))))
	}
	return b
}
