//go:build libopus && cgo

package opus

/*
#cgo pkg-config: opus
#include <opus.h>

static int linnet_set(OpusEncoder *e, int bitrate, int complexity, int loss, int fec, int dtx) {
	int r = opus_encoder_ctl(e, OPUS_SET_VBR(1));
	if (!r) r = opus_encoder_ctl(e, OPUS_SET_BITRATE(bitrate));
	if (!r) r = opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(complexity));
	if (!r) r = opus_encoder_ctl(e, OPUS_SET_PACKET_LOSS_PERC(loss));
	if (!r) r = opus_encoder_ctl(e, OPUS_SET_INBAND_FEC(fec));
	if (!r) r = opus_encoder_ctl(e, OPUS_SET_DTX(dtx));
	if (!r) r = opus_encoder_ctl(e, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
	return r;
}
static int linnet_reset_encoder(OpusEncoder *e) { return opus_encoder_ctl(e, OPUS_RESET_STATE); }
static int linnet_reset_decoder(OpusDecoder *d) { return opus_decoder_ctl(d, OPUS_RESET_STATE); }
*/
import "C"

import (
	"errors"
	"unsafe"
)

// Library names what does the work.
const Library = "libopus"

func fault(r C.int) error {
	if r >= 0 {
		return nil
	}
	return errors.New(C.GoString(C.opus_strerror(r)))
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// The state lies in Go's memory: it holds no pointer into itself, and nothing has to be freed.
type codecEncoder struct{ state []byte }

func (e *codecEncoder) ptr() *C.OpusEncoder { return (*C.OpusEncoder)(unsafe.Pointer(&e.state[0])) }

func (e *codecEncoder) init() error {
	e.state = make([]byte, C.opus_encoder_get_size(1))
	return fault(C.opus_encoder_init(e.ptr(), Rate, 1, C.OPUS_APPLICATION_VOIP))
}

func (e *codecEncoder) set(o Options) error {
	return fault(C.linnet_set(e.ptr(), C.int(o.Bitrate), C.int(o.Complexity), C.int(o.Loss), flag(o.Loss > 0), flag(o.DTX)))
}

func (e *codecEncoder) encode(frame []float32, b []byte) (int, error) {
	n := C.opus_encode_float(e.ptr(), (*C.float)(unsafe.Pointer(&frame[0])), C.int(len(frame)), (*C.uchar)(unsafe.Pointer(&b[0])), C.opus_int32(len(b)))
	return int(max(n, 0)), fault(C.int(n))
}

func (e *codecEncoder) reset() { C.linnet_reset_encoder(e.ptr()) }

type codecDecoder struct{ state []byte }

func (d *codecDecoder) ptr() *C.OpusDecoder { return (*C.OpusDecoder)(unsafe.Pointer(&d.state[0])) }

func (d *codecDecoder) init() error {
	d.state = make([]byte, C.opus_decoder_get_size(1))
	return fault(C.opus_decoder_init(d.ptr(), Rate, 1))
}

// decode decodes, or conceals with what the next packet carries, if there is one.
func (d *codecDecoder) decode(packet []byte, pcm []float32, lost bool) (int, error) {
	var p *C.uchar
	if len(packet) > 0 {
		p = (*C.uchar)(unsafe.Pointer(&packet[0]))
	}
	n := C.opus_decode_float(d.ptr(), p, C.opus_int32(len(packet)), (*C.float)(unsafe.Pointer(&pcm[0])), C.int(len(pcm)), flag(lost && p != nil))
	return int(max(n, 0)), fault(n)
}

func (d *codecDecoder) reset() { C.linnet_reset_decoder(d.ptr()) }
