// Package mixer adds voices and gives each listener everyone but themselves. Pure.
//
// Frames are of 20 ms at 48 kHz, mono, between -1 and 1. Who is added is the Chooser's affair (voice.go): it goes by the levels
// that come beside the packets (RFC 6464), so that nobody is decoded in vain. A Leveler makes a quiet voice louder and a loud
// one quieter, slowly, and leaves the others alone (leveler.go); a Limiter keeps a sum within what can be played.
package mixer

import "math"

// Silent is the lowest level, in -dBov (RFC 6464): nothing.
const Silent = 127

// Mix writes to out[i] the sum of all frames of in but in[i], and to out[len(in)], if there is one more, the sum of all. A nil
// frame of out is not wanted. All others are of the same length, and none of out is one of in.
func Mix(out, in [][]float32) {
	for i, o := range out {
		if o == nil {
			continue
		}
		clear(o)
		for j, voice := range in {
			if i == j {
				continue
			}
			for k, v := range voice {
				o[k] += v
			}
		}
	}
}

// Level returns how loud a frame is, in -dBov: 0 is the loudest, Silent nothing.
func Level(frame []float32) uint8 {
	sum := 0.0
	for _, v := range frame {
		sum += float64(v) * float64(v)
	}
	if len(frame) == 0 || sum == 0 {
		return Silent
	}
	return uint8(min(max(math.Round(-10*math.Log10(sum/float64(len(frame)))), 0), Silent))
}

// Fold makes one frame of two: it goes from the first to the second, so that 20 ms are saved without a crack.
func Fold(out, first, second []float32) {
	n := float32(len(out))
	for i := range out {
		t := (float32(i) + 0.5) / n
		out[i] = first[i]*(1-t) + second[i]*t
	}
}

// Limiter keeps a sum of voices below the ceiling, without the crackle of cutting it off. Its delay is none. The zero value is
// ready; each sum has its own.
type Limiter struct{ less float32 } // 1 - gain at the end of the last frame

const (
	ceiling = 0.9
	block   = 48       // samples over which the gain is a straight line: 1 ms
	release = 1.0 / 60 // of the full gain, a block: 60 ms from nothing to all
	most    = 20       // blocks of a frame
)

// Limit lowers what is too loud, of a frame of at most 960 samples.
func (l *Limiter) Limit(frame []float32) { l.limit(frame, ceiling) }

func (l *Limiter) limit(frame []float32, ceiling float32) {
	var gains [most]float32 // that each block allows
	blocks, loud := 0, l.less > 0
	for at := 0; at < len(frame) && blocks < len(gains); at += block {
		peak := float32(0)
		for _, v := range frame[at:min(at+block, len(frame))] {
			peak = max(peak, v, -v)
		}
		gains[blocks] = 1
		if peak > ceiling {
			gains[blocks], loud = ceiling/peak, true
		}
		blocks++
	}
	if !loud {
		return
	}
	// The gain at the border of two blocks is what both allow, so that it is low before the peak comes.
	gain := min(1-l.less, gains[0])
	for i := range blocks {
		to := min(gain+release, gains[i])
		if i+1 < blocks {
			to = min(to, gains[i+1])
		}
		part := frame[i*block : min((i+1)*block, len(frame))]
		for k := range part {
			part[k] *= gain + (to-gain)*float32(k)/block
		}
		gain = to
	}
	l.less = 1 - gain
	if l.less < 1e-4 {
		l.less = 0
	}
}
