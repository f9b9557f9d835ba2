package node

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/linnetmesh/linnet/node/chat"
	"github.com/linnetmesh/linnet/node/vault"
	"github.com/linnetmesh/linnet/p2p/p2ptest"
)

// plain is a PNG of one colour.
func plain(t *testing.T, side int, c color.Color) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		img.Set(i%side, i/side, c)
	}
	var out bytes.Buffer
	check(t, png.Encode(&out, img))
	return out.Bytes()
}

// shows tells whether somebody sees an account as a picture of about this red.
func shows(t *testing.T, p *person, a Account, red uint32) bool {
	t.Helper()
	b, err := p.Picture(a)
	if errors.Is(err, ErrNoPicture) {
		return false
	}
	check(t, err)
	img, err := jpeg.Decode(bytes.NewReader(b))
	check(t, err)
	r, _, _, _ := img.At(128, 128).RGBA()
	return img.Bounds().Dx() == 256 && max(r>>8, red)-min(r>>8, red) < 8
}

// TestPicture has Ada show herself: to Ben, who is a contact, to Cleo, who becomes one, with another picture, and with none.
func TestPicture(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada, ben := h.t, h.ada, h.ben
		friends(t, ada, ben)
		if _, err := ben.Picture(ada.Account()); !errors.Is(err, ErrNoPicture) {
			t.Errorf("before she has one: %v", err)
		}
		if err := ada.SetPicture(t.Context(), []byte("<svg/>")); !errors.Is(err, ErrPicture) {
			t.Errorf("what is no picture: %v", err)
		}
		before := ben.LastEvent()
		check(t, ada.SetPicture(t.Context(), plain(t, 900, color.RGBA{200, 0, 0, 255})))
		until(t, func() bool { c, err := ben.Contact(ada.Account()); return err == nil && c.Picture != PictureHash{} })
		told := errors.New("told")
		if err := ben.Watch(t.Context(), before, func(e Event) error {
			if e.Kind == EventContact && e.Account == ada.Account() {
				return told
			}
			return nil
		}); !errors.Is(err, told) {
			t.Error(err)
		}
		if !shows(t, ben, ada.Account(), 200) || !shows(t, ada, ada.Account(), 200) || ada.OwnPicture() == (PictureHash{}) {
			t.Error("Ben does not see her, or she herself")
		}

		cleo := start(t, h.network, "Cleo", vault.Config{})
		friends(t, ada, cleo)
		until(t, func() bool { return shows(t, cleo, ada.Account(), 200) })
		idle(t, ada, ben, cleo)
		if a, b := ben.contact(ada.Account()), cleo.contact(ada.Account()); a.Pictured >= b.Pictured {
			t.Error("Ben was told again, when Cleo was")
		}

		check(t, ada.SetPicture(t.Context(), plain(t, 30, color.RGBA{90, 0, 0, 255})))
		until(t, func() bool { return shows(t, ben, ada.Account(), 90) && shows(t, cleo, ada.Account(), 90) })
		check(t, ada.SetPicture(t.Context(), nil))
		until(t, func() bool {
			_, err := ben.Picture(ada.Account())
			_, err2 := cleo.Picture(ada.Account())
			return errors.Is(err, ErrNoPicture) && errors.Is(err2, ErrNoPicture)
		})
		if c, err := ben.Contact(ada.Account()); err != nil || c.Picture != (PictureHash{}) {
			t.Errorf("Ben has %x, %v", c.Picture, err)
		}

		// Who is removed leaves no picture behind.
		check(t, ada.SetPicture(t.Context(), plain(t, 30, color.RGBA{90, 0, 0, 255})))
		until(t, func() bool { return shows(t, ben, ada.Account(), 90) })
		check(t, ben.Remove(t.Context(), ada.Account()))
		if _, err := ben.vault.Get(vault.Setting, pictureKey(ada.Account())); !errors.Is(err, vault.ErrNotFound) {
			t.Errorf("it is still there: %v", err)
		}
	})
}

// TestPictureHostile has a contact send what is no picture, what is too large, and what has something behind the pixels.
func TestPictureHostile(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada, ben := h.t, h.ada, h.ben
		friends(t, ada, ben)
		at := chat.At(time.Now())
		send := func(image []byte) {
			t.Helper()
			at++
			m := &chat.Message{ID: chat.NewID(), Time: at, Kind: chat.KindAvatar, Avatar: &chat.Avatar{Image: image}}
			raw, err := m.AppendTo(nil)
			check(t, err)
			ada.post(t, ben, m.ID, m.Kind, raw)
			idle(t, ada)
		}
		send(append(plain(t, 200, color.RGBA{200, 0, 0, 255}), "<script>alert(1)</script>"...))
		until(t, func() bool { return shows(t, ben, ada.Account(), 200) })
		if b, err := ben.Picture(ada.Account()); err != nil || bytes.Contains(b, []byte("script")) {
			t.Errorf("what stood behind the pixels came through: %v", err)
		}
		for _, bad := range [][]byte{
			[]byte("<svg onload='alert(1)'/>"), []byte("\x89PNG\r\n\x1a\n"), plain(t, 513, color.Black),
			append([]byte("\xff\xd8\xff"), strings.Repeat("\xff\xda", 20_000)...),
		} {
			send(bad)
		}
		at -= 100 // an older one
		send(plain(t, 20, color.Black))
		ref, err := ada.Send(t.Context(), ben.Account(), "did you get that?", Ref{})
		check(t, err)
		until(t, func() bool { _, err := ben.Message(ada.Account(), ref); return err == nil })
		if !shows(t, ben, ada.Account(), 200) {
			t.Error("what cannot be shown took the place of what can")
		}

		// Many in a minute are not all decoded; the next one in another minute is.
		at += 1000
		for range 3 * maxRenewals {
			send(plain(t, 20, color.RGBA{90, 0, 0, 255}))
		}
		ref, err = ada.Send(t.Context(), ben.Account(), "and those?", Ref{})
		check(t, err)
		until(t, func() bool { _, err := ben.Message(ada.Account(), ref); return err == nil })
		do(t, ben, func(*turn) error {
			if r := ben.renewed[ada.Account()]; r.count != maxRenewals {
				t.Errorf("%d were decoded in a minute, want %d", r.count, maxRenewals)
			}
			return nil
		})
		time.Sleep(2 * time.Minute)
		send(plain(t, 20, color.RGBA{30, 0, 0, 255}))
		until(t, func() bool { return shows(t, ben, ada.Account(), 30) })
	})
}

// TestPictureRestored finds pictures in a backup, one's own and those of contacts.
func TestPictureRestored(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		t, ada, ben := h.t, h.ada, h.ben
		friends(t, ada, ben)
		check(t, ada.SetPicture(t.Context(), plain(t, 30, color.RGBA{200, 0, 0, 255})))
		check(t, ben.SetPicture(t.Context(), plain(t, 30, color.RGBA{90, 0, 0, 255})))
		until(t, func() bool { return shows(t, ben, ada.Account(), 200) && shows(t, ada, ben.Account(), 90) })
		idle(t, ada, ben)
		file := keep(t, ada.Node)
		words, err := ada.Words()
		check(t, err)
		v, err := vault.Open(vault.Config{})
		check(t, err)
		t.Cleanup(func() { check(t, v.Close()) })
		_, err = Restore(t.Context(), v, bytes.NewReader(file), backupKey, strings.Join(words, " "), time.Now())
		check(t, err)
		again := &person{Node: asleep(t, p2ptest.New(2), v), vault: v}
		if !shows(t, again, ada.Account(), 200) || !shows(t, again, ben.Account(), 90) {
			t.Error("a picture is not there any more")
		}
		c, err := again.Contact(ben.Account())
		if err != nil || c.Picture == (PictureHash{}) || again.OwnPicture() == (PictureHash{}) {
			t.Errorf("nobody knows that there is a picture: %+v, %v", c, err)
		}
	})
}
