// Package picture makes small square pictures of what people choose, and of what came from others.
//
//	a file that somebody chose ─ Make ──┐
//	                                    ├─▶ JPEG of 256 × 256 pixels, and nothing else
//	a picture that came ──────── Renew ─┘
//
// What others sent is never shown as it came: it is decoded here, within bounds that are checked before memory is taken,
// and encoded anew. Nothing that a camera writes beside the pixels, such as a place, survives either of the two.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

// Bounds.
const (
	Side = 256      // pixels of a side of what Make and Renew return
	Size = 48 << 10 // bytes that it has at most

	MaxFile   = 8 << 20  // bytes of a file that Make takes
	MaxPixels = 24 << 20 // of that file
	MaxSide   = 512      // pixels of a side of what Renew takes, which has Size bytes at most

	maxScans = 64 // of a JPEG: each goes through all pixels again
	minSide  = 1
)

// ErrPicture says that a file is no JPEG, PNG or WebP that can be shown: another kind, damaged, or animated.
var ErrPicture = errors.New("picture: not a JPEG, PNG or WebP that can be read")

// ErrLarge says that a file has too many bytes or pixels.
var ErrLarge = errors.New("picture: too large")

// Make makes a picture of the middle of a file that somebody chose, as its owner sees it: turned as the camera says. The
// file has at most MaxFile bytes and MaxPixels pixels. The errors are ErrPicture and ErrLarge.
func Make(file []byte) ([]byte, error) {
	if len(file) > MaxFile {
		return nil, ErrLarge
	}
	return square(file, func(w, h int) bool { return w <= MaxPixels/h })
}

// Renew makes a picture of one that came: at most Size bytes, and MaxSide pixels wide and high. The errors are those of Make.
func Renew(came []byte) ([]byte, error) {
	if len(came) > Size {
		return nil, ErrLarge
	}
	return square(came, func(w, h int) bool { return w <= MaxSide && h <= MaxSide })
}

// square decodes a file if its size in pixels fits, and encodes its middle anew.
func square(file []byte, fits func(w, h int) bool) (out []byte, err error) {
	defer func() { // decoders should not, but what they read is written by strangers
		if recover() != nil {
			out, err = nil, ErrPicture
		}
	}()
	from, turned, err := decode(file, fits)
	if err != nil {
		return nil, err
	}
	b := from.Bounds()
	side := min(b.Dx(), b.Dy())
	corner := b.Min.Add(image.Pt((b.Dx()-side)/2, (b.Dy()-side)/2))
	to := image.NewRGBA(image.Rect(0, 0, Side, Side))
	draw.Draw(to, to.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src) // behind what is transparent
	draw.CatmullRom.Scale(to, to.Bounds(), from, image.Rectangle{corner, corner.Add(image.Pt(side, side))}, draw.Over, nil)
	return encode(turn(to, turned))
}

// decode reads a file by what its first bytes say it is, and how it is to be turned.
func decode(file []byte, fits func(w, h int) bool) (img image.Image, turned int, err error) {
	read, config := jpeg.Decode, jpeg.DecodeConfig
	switch {
	case bytes.HasPrefix(file, []byte("\xff\xd8\xff")):
		if bytes.Count(file, []byte("\xff\xda")) > maxScans {
			return nil, 0, ErrPicture
		}
		turned = orientation(file)
	case bytes.HasPrefix(file, []byte("\x89PNG\r\n\x1a\n")):
		read, config = png.Decode, png.DecodeConfig
	case len(file) > 12 && string(file[:4]) == "RIFF" && string(file[8:12]) == "WEBP":
		read, config = webp.Decode, webp.DecodeConfig
	default:
		return nil, 0, ErrPicture
	}
	c, err := config(bytes.NewReader(file))
	if err != nil || c.Width < minSide || c.Height < minSide {
		return nil, 0, ErrPicture
	}
	if !fits(c.Width, c.Height) {
		return nil, 0, ErrLarge
	}
	if img, err = read(bytes.NewReader(file)); err != nil {
		return nil, 0, ErrPicture
	}
	if b := img.Bounds(); b.Dx() < minSide || b.Dy() < minSide || !fits(b.Dx(), b.Dy()) {
		return nil, 0, ErrPicture
	}
	return img, turned, nil
}

// encode writes a picture as well as Size allows.
func encode(img image.Image) ([]byte, error) {
	for quality := 86; quality > 0; quality -= 12 {
		var out bytes.Buffer
		if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: quality}); err != nil {
			return nil, fmt.Errorf("writing a picture: %w", err)
		}
		if out.Len() <= Size {
			return out.Bytes(), nil
		}
	}
	return nil, ErrLarge
}

// turn turns a square picture as an orientation of Exif says (Exif 2.32, section 4.6.4, tag 274).
func turn(from *image.RGBA, orientation int) *image.RGBA {
	if orientation < 2 || orientation > 8 {
		return from
	}
	to := image.NewRGBA(from.Bounds())
	for y := range Side {
		for x := range Side {
			u, v := x, y // of the pixel that comes to x, y
			switch orientation {
			case 2:
				u = Side - 1 - x
			case 3:
				u, v = Side-1-x, Side-1-y
			case 4:
				v = Side - 1 - y
			case 5:
				u, v = y, x
			case 6:
				u, v = y, Side-1-x
			case 7:
				u, v = Side-1-y, Side-1-x
			case 8:
				u, v = Side-1-y, x
			}
			to.SetRGBA(x, y, from.RGBAAt(u, v))
		}
	}
	return to
}
