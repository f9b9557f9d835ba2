package headless

import (
	"github.com/linnetmesh/linnet/conference/jitter"
	"github.com/linnetmesh/linnet/conference/mixer"
	"github.com/linnetmesh/linnet/conference/opus"
)

// ear makes sound of what a buffer plays. The zero value is ready.
type ear struct {
	buffer  jitter.Buffer
	decoder *opus.Decoder
	pcm     []float32 // of the last packet
	left    int       // of its samples that were not played yet
	fold    []float32
}

// add adds what is played now to a frame.
func (e *ear) add(frame []float32, p jitter.Played) error {
	if p.Kind == jitter.Nothing {
		e.left = 0
		return nil
	}
	if e.decoder == nil {
		d, err := opus.NewDecoder()
		if err != nil {
			return err
		}
		e.decoder, e.pcm, e.fold = d, make([]float32, opus.MaxFrame), make([]float32, opus.MaxFrame)
	}
	if err := e.decode(p); err != nil {
		return err
	}
	for i, v := range e.pcm[:opus.Frame] {
		frame[i] += v
	}
	return nil
}

// decode has the next 20 ms at the beginning of pcm.
func (e *ear) decode(p jitter.Played) error {
	n, err := opus.Frame, error(nil)
	switch p.Kind {
	case jitter.Voice:
		folds := 0
		if p.Fold != nil {
			if folds, err = e.decoder.Decode(p.Fold, e.fold); err != nil {
				folds = 0
			}
		}
		if n, err = e.decoder.Decode(p.Payload, e.pcm); err == nil && folds == opus.Frame && n == opus.Frame {
			mixer.Fold(e.pcm[:opus.Frame], e.fold[:opus.Frame], e.pcm[:opus.Frame])
		}
	case jitter.More:
		n = copy(e.pcm, e.pcm[opus.Frame:opus.Frame+e.left])
	case jitter.Lost:
		err = e.decoder.Conceal(p.Next, e.pcm)
	case jitter.Nothing:
	}
	if err != nil {
		n = 0
	}
	clear(e.pcm[n:max(n, opus.Frame)])
	e.left = max(n-opus.Frame, 0)
	return err
}
