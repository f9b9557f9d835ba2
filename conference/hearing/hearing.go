// Package hearing is the ear of tests and demonstrations: three voices that read, and measures of what came of them.
//
// The voices are espeak-ng's, at 48 kHz in Ogg Opus, some nine seconds each.
package hearing

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/thesyncim/gopus/container/ogg"

	"github.com/linnetmesh/linnet/conference/opus"
)

//go:embed testdata/*.opus
var files embed.FS

// Voices is how many voices there are.
const Voices = 3

// Packets returns a voice as Opus packets of 20 ms, made by libopus. It panics if voice is not 0 to Voices-1.
func Packets(voice int) [][]byte {
	list, err := packets(voice)
	if err != nil {
		panic("hearing: " + err.Error())
	}
	return list
}

func packets(voice int) ([][]byte, error) {
	b, err := files.ReadFile("testdata/" + string(rune('a'+voice)) + ".opus")
	if err != nil {
		return nil, err
	}
	r, err := ogg.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("reading Ogg: %w", err)
	}
	var list [][]byte
	for {
		p, _, err := r.ReadPacket()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading Ogg: %w", err)
		}
		list = append(list, p)
	}
}

// Speech returns a voice as samples between -1 and 1, a whole number of frames of opus.Frame.
func Speech(voice int) []float32 {
	d, err := opus.NewDecoder()
	if err != nil {
		panic("hearing: " + err.Error())
	}
	var speech []float32
	pcm := make([]float32, opus.MaxFrame)
	for _, p := range Packets(voice) {
		n, err := d.Decode(p, pcm)
		if err != nil {
			panic("hearing: " + err.Error())
		}
		speech = append(speech, pcm[:n]...)
	}
	return speech
}

// Level returns the power of sound in dB of a full square wave (dBov): 0 is the loudest, silence is -127.
func Level(pcm []float32) float64 {
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	if len(pcm) == 0 || sum == 0 {
		return -127
	}
	return max(10*math.Log10(sum/float64(len(pcm))), -127)
}

// Tone adds a sine of so many Hz and so much amplitude to pcm, whose first sample is sample from of the whole.
func Tone(pcm []float32, hz, amplitude float64, from int) {
	for i := range pcm {
		pcm[i] += float32(amplitude * math.Sin(2*math.Pi*hz*float64(from+i)/opus.Rate))
	}
}

// ToneLevel returns how much of a sine of so many Hz is in pcm, in dBov (Goertzel).
func ToneLevel(pcm []float32, hz float64) float64 {
	w := 2 * math.Pi * hz / opus.Rate
	c := 2 * math.Cos(w)
	var s1, s2 float64
	for _, v := range pcm {
		s1, s2 = float64(v)+c*s1-s2, s1
	}
	power := (s1*s1 + s2*s2 - c*s1*s2) * 2 / (float64(len(pcm)) * float64(len(pcm)))
	return max(10*math.Log10(power+1e-13), -127)
}

// bands are the centres of those in which Likeness compares, in Hz: where speech is.
var bands = [...]float64{
	200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700, 4400, 5300,
}

const (
	grain  = opus.Frame / 8 // 2.5 ms, in samples: how finely Likeness looks for the delay
	window = 8              // grains over which loudness is measured
	hop    = 4              // grains between measurements
)

// grains returns the energy of each band in each grain.
func grains(pcm []float32) [][]float64 {
	out := make([][]float64, len(bands))
	for i, hz := range bands {
		w := 2 * math.Pi * hz / opus.Rate
		alpha := math.Sin(w) / (2 * 4) // a band pass of quality 4
		b0, a1, a2 := alpha/(1+alpha), -2*math.Cos(w)/(1+alpha), (1-alpha)/(1+alpha)
		var x1, x2, y1, y2 float64
		for at := 0; at+grain <= len(pcm); at += grain {
			var sum float64
			for _, v := range pcm[at : at+grain] {
				x := float64(v)
				y := b0*(x-x2) - a1*y1 - a2*y2
				x1, x2, y1, y2 = x, x1, y, y1
				sum += y * y
			}
			out[i] = append(out[i], sum)
		}
	}
	return out
}

// loudness returns the loudness of a band from every grain on, in dB with a floor 45 dB under the loudest.
func loudness(grains []float64) []float64 {
	var out []float64
	loudest := -300.0
	for at := 0; at+window <= len(grains); at++ {
		var sum float64
		for _, e := range grains[at : at+window] {
			sum += e
		}
		l := 10 * math.Log10(sum+1e-12)
		loudest = max(loudest, l)
		out = append(out, l)
	}
	for i, l := range out {
		out[i] = max(l, loudest-45)
	}
	return out
}

// every returns one in hop.
func every(all []float64) []float64 {
	var out []float64
	for i := 0; i < len(all); i += hop {
		out = append(out, all[i])
	}
	return out
}

// Likeness says how well speech came through: the correlation of loudness over time, in 18 bands, of what was said and what
// was heard. 1 is the same; a good codec keeps 0.95, and above 0.75 speech is well understood. The second result is by how
// much later it was heard, in samples, searched up to within in steps of 2.5 ms.
func Likeness(said, heard []float32, within int) (likeness float64, later int) {
	a, b := grains(said), grains(heard)
	// What is measured from grain g on is in lane g % hop at g / hop: a lag is a lane and where to begin in it.
	first, lanes := make([][]float64, len(bands)), make([][hop][]float64, len(bands))
	for i := range bands {
		first[i] = every(loudness(a[i]))
		all := loudness(b[i])
		for lane := range min(hop, len(all)) {
			lanes[i][lane] = every(all[lane:])
		}
	}
	best, at := -1.0, 0
	for lag := range within/grain + 1 {
		var sum float64
		for i := range first {
			lane := lanes[i][lag%hop]
			sum += correlation(first[i], lane[min(lag/hop, len(lane)):])
		}
		if c := sum / float64(len(bands)); c > best {
			best, at = c, lag
		}
	}
	return best, at * grain
}

// correlation is Pearson's, of as much as both have.
func correlation(x, y []float64) float64 {
	n := min(len(x), len(y))
	if n < 10 {
		return -1
	}
	x, y = x[:n], y[:n]
	var sx, sy float64
	for i := range x {
		sx += x[i]
		sy += y[i]
	}
	mx, my := sx/float64(n), sy/float64(n)
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}
