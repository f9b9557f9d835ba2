package nodetest

import (
	"bytes"
	"image"
	"image/png"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/node"
)

// TestPictureOfTwoDevices has one of two devices of an account set a picture: the other shows it, too, knows that contacts were
// told, and tells nobody again when it starts.
func TestPictureOfTwoDevices(t *testing.T) {
	t.Parallel()
	hold(t, true, func(h *holding) {
		t := h.t
		second := h.link(h.ada, "Ada2")
		cleo := h.add("Cleo")
		h.check(h.w.Befriend(t.Context(), h.ada, cleo))
		time.Sleep(time.Minute)
		var file bytes.Buffer
		h.check(png.Encode(&file, image.NewGray(image.Rect(0, 0, 40, 40))))
		h.check(h.ada.Node.SetPicture(t.Context(), file.Bytes()))
		time.Sleep(10 * time.Minute)
		seen := func() (out []node.PictureHash) {
			for _, p := range []*Person{h.ben, cleo} {
				c, err := p.Node.Contact(h.ada.Node.Account())
				h.check(err)
				out = append(out, c.Picture)
			}
			return out
		}
		for i, hash := range seen() {
			if hash == (node.PictureHash{}) {
				t.Errorf("contact %d does not see it", i)
			}
		}
		if second.Node.OwnPicture() == (node.PictureHash{}) {
			t.Error("the other device does not show it")
		}
		events := h.ben.Node.LastEvent()
		h.check(second.Stop())
		h.check(second.Start(t.Context()))
		time.Sleep(10 * time.Minute)
		if w := second.Node.Waiting(); len(w) > 0 {
			t.Errorf("it waits to tell %+v", w)
		}
		told := 0
		last := h.ben.Node.LastEvent()
		for events < last {
			_ = h.ben.Node.Watch(t.Context(), events, func(e node.Event) error {
				events = e.ID
				if e.Kind == node.EventContact {
					told++
				}
				if e.ID >= last {
					return node.ErrStopped
				}
				return nil
			})
		}
		if got := seen(); got[0] != got[1] {
			t.Error("Ben and Cleo see different pictures")
		}
		if told > 1 { // a device that starts says how it is called, and not how it looks
			t.Errorf("Ben is told %d times of contacts when it starts again", told)
		}
	})
}
