package picture

import (
	"bytes"
	"encoding/binary"
)

// orientation returns how a JPEG is to be turned, 1..8, as its Exif data say; 1, as it is, if there are none that make sense.
//
//	FF D8, then segments: FF marker (1) length (2, of itself and what follows); Exif is in one of marker E1:
//	"Exif" 00 00, then TIFF: "II" or "MM", 42 (2), offset of a list (4); there count (2), entries: tag (2) type (2) count (4) value (4)
func orientation(file []byte) int {
	const exif, start, orientationTag, short = 0xe1, 0xda, 274, 3
	for at := 2; at+4 <= len(file) && file[at] == 0xff && file[at+1] != start; {
		size := int(binary.BigEndian.Uint16(file[at+2:]))
		if size < 2 || at+2+size > len(file) {
			return 1
		}
		body := file[at+4 : at+2+size]
		kind := file[at+1]
		at += 2 + size
		tiff, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00"))
		if kind != exif || !ok || len(tiff) < 8 {
			continue
		}
		var order binary.ByteOrder = binary.BigEndian
		switch string(tiff[:2]) {
		case "II":
			order = binary.LittleEndian
		case "MM":
		default:
			return 1
		}
		list := order.Uint32(tiff[4:])
		if order.Uint16(tiff[2:]) != 42 || int64(list)+2 > int64(len(tiff)) {
			return 1
		}
		entries := tiff[list+2:]
		for n := order.Uint16(tiff[list:]); n > 0 && len(entries) >= 12; n-- {
			e := entries[:12]
			entries = entries[12:]
			if order.Uint16(e) == orientationTag && order.Uint16(e[2:]) == short {
				if v := order.Uint16(e[8:]); v >= 1 && v <= 8 {
					return int(v)
				}
			}
		}
		return 1
	}
	return 1
}
