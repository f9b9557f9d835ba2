//go:build !libopus || !cgo

package opus

import (
	"errors"

	"github.com/thesyncim/gopus"
)

// Library names what does the work.
const Library = "gopus"

type codecEncoder struct{ *gopus.Encoder }

func (e *codecEncoder) init() (err error) {
	e.Encoder, err = gopus.NewEncoder(gopus.EncoderConfig{SampleRate: Rate, Channels: 1, Application: gopus.ApplicationVoIP})
	return err
}

func (e *codecEncoder) set(o Options) error {
	e.SetVBR(true)
	e.SetFEC(o.Loss > 0)
	e.SetDTX(o.DTX)
	return errors.Join(
		e.SetFrameSize(Frame), e.SetBitrate(o.Bitrate), e.SetComplexity(o.Complexity), e.SetPacketLoss(o.Loss),
		e.SetSignal(gopus.SignalVoice),
	)
}

func (e *codecEncoder) encode(frame []float32, b []byte) (int, error) { return e.Encode(frame, b) }

func (e *codecEncoder) reset() { e.Reset() }

type codecDecoder struct{ *gopus.Decoder }

func (d *codecDecoder) init() (err error) {
	d.Decoder, err = gopus.NewDecoder(gopus.DecoderConfig{
		SampleRate: Rate, Channels: 1, MaxPacketSamples: MaxFrame, MaxPacketBytes: 6 * MaxPacket,
	})
	return err
}

// decode decodes, or conceals with what the next packet carries, if there is one.
func (d *codecDecoder) decode(packet []byte, pcm []float32, lost bool) (int, error) {
	if lost && len(packet) > 0 {
		return d.DecodeWithFEC(packet, pcm, true)
	}
	return d.Decode(packet, pcm)
}

func (d *codecDecoder) reset() { d.Reset() }
