package picture

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"testing"
)

var (
	red, green = color.RGBA{220, 20, 20, 255}, color.RGBA{20, 160, 20, 255}
	blue, grey = color.RGBA{20, 20, 220, 255}, color.RGBA{90, 90, 90, 255}
)

// quarters is a picture whose middle square has four colours: red and green above, blue and grey below.
func quarters(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := [2][2]color.RGBA{{red, green}, {blue, grey}}[boolInt(y >= h/2)][boolInt(x >= w/2)]
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asJPEG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// withExif puts Exif data that have an orientation, and a place, behind the start of a JPEG.
func withExif(file []byte, order binary.AppendByteOrder, mark string, orientation uint16) []byte {
	tiff := order.AppendUint32(order.AppendUint16([]byte(mark), 42), 8)
	tiff = order.AppendUint16(tiff, 2)
	tiff = order.AppendUint32(order.AppendUint32(order.AppendUint16(order.AppendUint16(tiff, 271), 2), 8), 38)
	tiff = order.AppendUint16(order.AppendUint16(order.AppendUint32(order.AppendUint16(order.AppendUint16(tiff, 274), 3), 1), orientation), 0)
	tiff = append(order.AppendUint32(tiff, 0), "at home\x00"...)
	body := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{0xff, 0xd8, 0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))...)
	return append(append(out, body...), file[2:]...)
}

// webpDot is a WebP of 1 × 1, without loss.
const webpDot = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="

// corners returns the colours of a picture's quarters.
func corners(t *testing.T, file []byte) (out [4]color.Color) {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds() != image.Rect(0, 0, Side, Side) || len(file) > Size {
		t.Fatalf("%v, %d bytes", img.Bounds(), len(file))
	}
	for i := range out {
		out[i] = img.At(64+128*(i%2), 64+128*(i/2))
	}
	return out
}

func near(a, b color.Color) bool {
	r, g, bl, _ := a.RGBA()
	s, h, cl, _ := b.RGBA()
	far := func(x, y uint32) bool { return max(x, y)-min(x, y) > 12<<8 }
	return !far(r, s) && !far(g, h) && !far(bl, cl)
}

// The middle of what was chosen is shown as its owner sees it, and nothing is left of what the camera wrote beside it.
func TestMake(t *testing.T) {
	upright := [4]color.Color{red, green, blue, grey}
	wide, high := quarters(600, 300), quarters(200, 400)
	dot, err := base64.StdEncoding.DecodeString(webpDot)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file []byte
		want [4]color.Color
	}{
		"wide PNG":    {asPNG(t, wide), upright},
		"high PNG":    {asPNG(t, high), upright},
		"JPEG":        {asJPEG(t, wide), upright},
		"transparent": {asPNG(t, image.NewNRGBA(image.Rect(0, 0, 20, 20))), [4]color.Color{color.White, color.White, color.White, color.White}},
		"as it is":    {withExif(asJPEG(t, wide), binary.BigEndian, "MM", 1), upright},
		"mirrored":    {withExif(asJPEG(t, wide), binary.BigEndian, "MM", 2), [4]color.Color{green, red, grey, blue}},
		"upside down": {withExif(asJPEG(t, wide), binary.LittleEndian, "II", 3), [4]color.Color{grey, blue, green, red}},
		"flipped":     {withExif(asJPEG(t, wide), binary.LittleEndian, "II", 4), [4]color.Color{blue, grey, red, green}},
		"transposed":  {withExif(asJPEG(t, wide), binary.LittleEndian, "II", 5), [4]color.Color{red, blue, green, grey}},
		"right":       {withExif(asJPEG(t, high), binary.BigEndian, "MM", 6), [4]color.Color{blue, red, grey, green}},
		"transverse":  {withExif(asJPEG(t, high), binary.BigEndian, "MM", 7), [4]color.Color{grey, green, blue, red}},
		"left":        {withExif(asJPEG(t, high), binary.BigEndian, "MM", 8), [4]color.Color{green, grey, red, blue}},
		"no such way": {withExif(asJPEG(t, wide), binary.BigEndian, "MM", 9), upright},
	} {
		got, err := Make(c.file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, at := range corners(t, got) {
			if !near(at, c.want[i]) {
				t.Errorf("%s: quarter %d is %v, want %v", name, i, at, c.want[i])
			}
		}
		if bytes.Contains(got, []byte("Exif")) || bytes.Contains(got, []byte("at home")) {
			t.Errorf("%s: it still says what the camera wrote", name)
		}
	}
	if got, err := Make(dot); err != nil {
		t.Errorf("WebP: %v", err)
	} else {
		corners(t, got)
	}
	noise := image.NewRGBA(image.Rect(0, 0, 300, 300))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = byte(r.Uint32())
	}
	if got, err := Make(asPNG(t, noise)); err != nil || len(got) > Size {
		t.Errorf("noise: %d bytes, %v", len(got), err)
	}
}

// claims makes a PNG claim to be this large.
func claims(t *testing.T, w, h uint32) []byte {
	t.Helper()
	b := asPNG(t, quarters(4, 4))
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

// What is too large, damaged, animated or of another kind is refused, before memory is taken for it.
func TestRefuse(t *testing.T) {
	var animated bytes.Buffer
	if err := gif.Encode(&animated, quarters(10, 10), nil); err != nil {
		t.Fatal(err)
	}
	whole := asJPEG(t, quarters(100, 100))
	scans := append(bytes.Clone(whole), bytes.Repeat([]byte("\xff\xda"), maxScans)...)
	for name, c := range map[string]struct {
		file []byte
		do   func([]byte) ([]byte, error)
		want error
	}{
		"nothing":             {nil, Make, ErrPicture},
		"text":                {[]byte("<svg onload=alert(1)>"), Make, ErrPicture},
		"GIF":                 {animated.Bytes(), Make, ErrPicture},
		"half a JPEG":         {whole[:len(whole)/2], Make, ErrPicture},
		"scans":               {scans, Make, ErrPicture},
		"RIFF":                {[]byte("RIFF\xff\xff\xff\xffWEBPVP8 "), Make, ErrPicture},
		"many bytes":          {make([]byte, MaxFile+1), Make, ErrLarge},
		"many pixels":         {claims(t, 100_000, 100_000), Make, ErrLarge},
		"a claim":             {claims(t, 500, 400), Renew, ErrPicture},
		"many bytes came":     {make([]byte, Size+1), Renew, ErrLarge},
		"wide, came":          {claims(t, MaxSide+1, 1), Renew, ErrLarge},
		"high, came":          {claims(t, 1, MaxSide+1), Renew, ErrLarge},
		"no height, it says":  {claims(t, 10, 0), Renew, ErrPicture},
		"polyglot, no pixels": {append([]byte("\xff\xd8\xff\xe0"), "<html><script>"...), Renew, ErrPicture},
	} {
		if got, err := c.do(c.file); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %d bytes, %v, want %v", name, len(got), err, c.want)
		}
	}
}

// What came is encoded anew: nothing that stands behind or beside the pixels gets through.
func TestRenew(t *testing.T) {
	came := append(withExif(asJPEG(t, quarters(MaxSide, MaxSide)), binary.BigEndian, "MM", 6), "<script>alert(1)</script>"...)
	got, err := Renew(came)
	if err != nil {
		t.Fatal(err)
	}
	corners(t, got)
	if bytes.Contains(got, []byte("script")) || bytes.Contains(got, []byte("Exif")) {
		t.Error("it still has what came beside the pixels")
	}
	again, err := Renew(got)
	if err != nil {
		t.Fatal(err)
	}
	corners(t, again)
}

func FuzzRenew(f *testing.F) {
	f.Add(asPNG(f, quarters(8, 8)))
	f.Add(withExif(asJPEG(f, quarters(8, 8)), binary.BigEndian, "MM", 6))
	dot, err := base64.StdEncoding.DecodeString(webpDot)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(dot)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Renew(b)
		if err != nil {
			if !errors.Is(err, ErrPicture) && !errors.Is(err, ErrLarge) {
				t.Fatal(err)
			}
			return
		}
		c, err := jpeg.DecodeConfig(bytes.NewReader(got))
		if err != nil || c.Width != Side || c.Height != Side || len(got) > Size {
			t.Fatalf("%+v, %d bytes, %v", c, len(got), err)
		}
	})
}

// BenchmarkRenew is what a picture costs that a contact sends, the largest that is taken: by hostile ones as well.
func BenchmarkRenew(b *testing.B) {
	img := image.NewRGBA(image.Rect(0, 0, MaxSide, MaxSide))
	for i := range img.Pix {
		img.Pix[i] = byte(i * i >> 9)
	}
	var out bytes.Buffer
	for quality := 90; out.Len() == 0 || out.Len() > Size; quality -= 10 {
		out.Reset()
		if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: max(quality, 1)}); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(out.Len()))
	for b.Loop() {
		if _, err := Renew(out.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}
