//go:build e2e

package web

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linnetmesh/linnet/node/web/webtest"
)

// film writes what a camera sees that is held before a QR code: two frames of YUV4MPEG2.
func film(t *testing.T, text string) string {
	t.Helper()
	const width, height, dot = 640, 480, 7
	rows := drawn(text).Rows
	luma := bytes.Repeat([]byte{235}, width*height)
	for y := range height {
		for x := range width {
			i, j := (y-(height-len(rows)*dot)/2)/dot, (x-(width-len(rows)*dot)/2)/dot
			if y >= (height-len(rows)*dot)/2 && x >= (width-len(rows)*dot)/2 && i < len(rows) && j < len(rows) && rows[i][j] == '1' {
				luma[y*width+x] = 16
			}
		}
	}
	var b bytes.Buffer
	b.WriteString("YUV4MPEG2 W640 H480 F10:1 Ip C420jpeg\n")
	for range 2 {
		b.WriteString("FRAME\n")
		b.Write(luma)
		b.Write(bytes.Repeat([]byte{128}, width*height/2))
	}
	name := filepath.Join(t.TempDir(), "film.y4m")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestCamera holds a code before the camera: a relay's address is read from it, the refusal explained, and the camera is off
// again.
func TestCamera(t *testing.T) {
	address := "LINNET:RELAY/" + strings.Repeat("AGSQCWBAJBS62XB3", 6)
	tab := webtest.Start(t, "--use-file-for-fake-video-capture="+film(t, address)).Person().Open(newStage().serve(t) + code)
	tab.Forgive("507") // the refusal
	tab.Has(".chat", "Ben")
	tab.Eval(`(() => { const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices); navigator.mediaDevices.getUserMedia = async x => window.stream = await real(x); location.hash = "#/settings/relays"; })()`)
	tab.Click(".column > .buttons button", "Add a relay")
	tab.Click(".dialog button", "Scan a code")
	tab.Until(`document.querySelector(".dialog textarea")?.value === ` + `"` + address + `"`)
	tab.Until(`window.stream && stream.getTracks().every(x => x.readyState === "ended")`)
	tab.Click(".dialog footer .main", "Add")
	tab.Has(".dialog .warn", "as many relays as there can be")
}
