package hearing

import (
	"math"
	"testing"

	"github.com/linnetmesh/linnet/conference/opus"
)

func TestLevels(t *testing.T) {
	pcm := make([]float32, opus.Rate)
	if got := Level(pcm); got != -127 {
		t.Errorf("silence: %v", got)
	}
	Tone(pcm, 1000, 0.5, 0)
	if got := Level(pcm); math.Abs(got+9.03) > 0.01 {
		t.Errorf("a sine of 0.5: %v dBov, want -9.03", got)
	}
	if got := ToneLevel(pcm, 1000); math.Abs(got+9.03) > 0.01 {
		t.Errorf("its tone: %v dBov, want -9.03", got)
	}
	if got := ToneLevel(pcm, 1500); got > -80 {
		t.Errorf("another tone: %v dBov", got)
	}
}

func TestLikeness(t *testing.T) {
	said := Speech(0)[:4*opus.Rate]
	later := append(make([]float32, 2400), said...)
	if got, at := Likeness(said, later, 4800); got < 0.99 || at != 2400 {
		t.Errorf("the same, 2400 later: %.3f at %d", got, at)
	}
	if got, _ := Likeness(said, Speech(1)[:4*opus.Rate], 4800); got > 0.4 {
		t.Errorf("another voice: %.3f", got)
	}
	noise := make([]float32, len(said))
	for i := range noise {
		noise[i] = said[i] + 0.7*float32(math.Sin(float64(i*i%9973)))
	}
	if got, _ := Likeness(said, noise, 0); got > 0.75 {
		t.Errorf("under noise that is louder: %.3f", got)
	}
	if got, _ := Likeness(said, make([]float32, len(said)), 0); got > 0.1 {
		t.Errorf("silence: %.3f", got)
	}
}
