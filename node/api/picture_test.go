package api

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/linnetmesh/linnet/node"
)

// photo is a PNG of noise, larger than what other calls may have in a body.
func photo(t *testing.T, side int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range img.Pix {
		img.Pix[i] = byte(r.Uint32())
	}
	img.Set(0, 0, color.White)
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Ada says by calls how she looks; Ben sees it, and what names it; then she takes it away.
func TestPicture(t *testing.T) {
	w := newWorld(t)
	w.meet(t)
	ctx := t.Context()
	contact := InContact{InAccount{"ben"}, "Ada"}
	if _, err := ContactPicture.Call(ctx, w.socket, contact); code(err) != CodeNotFound {
		t.Errorf("before there is one: %v", err)
	}
	file := photo(t, 400)
	if len(file) < 3*maxBody {
		t.Fatalf("%d bytes are too few", len(file))
	}
	self := w.watch(t, "ada", func(e *Event) bool { return e.Type == "account" })
	seen := w.watch(t, "ben", func(e *Event) bool { return e.Contact != nil && e.Contact.Picture != "" })
	in := InPicture{InAccount: InAccount{"ada"}}
	in.Body.Image = file
	must[Account](t)(SetPicture.Call(ctx, w.socket, in))
	self()
	seen()
	got := must[Picture](t)(ContactPicture.Call(ctx, w.socket, contact))
	c, err := jpeg.DecodeConfig(bytes.NewReader(got.Image))
	if err != nil || c.Width != 256 || c.Height != 256 || got.Type != "image/jpeg" || len(got.Image) > node.MaxPicture {
		t.Errorf("%d bytes of %s, %+v, %v", len(got.Image), got.Type, c, err)
	}
	if c := must[Contact](t)(GetContact.Call(ctx, w.socket, contact)); c.Picture != got.Name || got.Name == "" {
		t.Errorf("the contact names %q, and the picture %q", c.Picture, got.Name)
	}
	own := must[Picture](t)(GetPicture.Call(ctx, w.socket, InAccount{"ada"}))
	if own.Name != PictureName(w.nodes["ada"].OwnPicture()) {
		t.Errorf("her own picture is named %q", own.Name)
	}

	in.Body.Image = []byte("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
	if _, err := SetPicture.Call(ctx, w.socket, in); code(err) != CodeMedia {
		t.Errorf("what is no picture: %v", err)
	}
	in.Body.Image = bytes.Repeat([]byte("x"), node.MaxPictureFile+1)
	if _, err := SetPicture.Call(ctx, w.socket, in); code(err) != CodeLarge {
		t.Errorf("a file that is too large: %v", err)
	}
	in.Body.Image = bytes.Repeat([]byte("x"), node.MaxPictureFile+1<<20)
	if _, err := SetPicture.Call(ctx, w.socket, in); code(err) != CodeLarge {
		t.Errorf("a body that is too large: %v", err)
	}
	in.Body.Image = nil
	if _, err := SetPicture.Call(ctx, w.socket, in); code(err) != CodeInvalid {
		t.Errorf("no file: %v", err)
	}

	// Other calls have no larger bodies for that, and a token that may look may not change.
	if status, _ := w.request(t, "PUT", "/v1/accounts/ada/profile", `{"display": "`+strings.Repeat("x", maxBody)+`"}`, nil); status != 413 {
		t.Errorf("another call with a large body: %d", status)
	}
	token := InMakeToken{}
	token.Body.Name, token.Body.Scope, token.Body.Account = "reader", Read, "ben"
	reader := Dial(w.loopback.Listener.Addr().String(), must[Token](t)(MakeToken.Call(ctx, w.socket, token)).Secret)
	defer reader.http.CloseIdleConnections()
	if _, err := ContactPicture.Call(ctx, reader, contact); err != nil {
		t.Errorf("who may look: %v", err)
	}
	if _, err := DropPicture.Call(ctx, reader, InAccount{"ben"}); code(err) != CodeScope {
		t.Errorf("who may look took it away: %v", err)
	}

	gone := w.watch(t, "ben", func(e *Event) bool { return e.Contact != nil && e.Contact.Picture == "" })
	must[Account](t)(DropPicture.Call(ctx, w.socket, InAccount{"ada"}))
	gone()
	if _, err := GetPicture.Call(ctx, w.socket, InAccount{"ada"}); code(err) != CodeNotFound {
		t.Errorf("after it was taken away: %v", err)
	}
}
