package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Small files that must survive a crash have two slots, of which the one with the higher sequence counts. A write goes to
// the other one, in place, and is synced: a crash in the middle leaves the slot that counted.
//
//	slot   "linnet-v" (8) ‖ sequence (8) ‖ size (2) ‖ payload (≤ 512) ‖ SHA-256 of all that (32)
const (
	slotMagic = "linnet-v"
	slotHead  = len(slotMagic) + 8 + 2
	slotMax   = 512
	slotStep  = 4096 // from slot to slot: whatever the disk writes at once, it is one of them
)

// appendSlot appends a slot.
func appendSlot(b []byte, sequence uint64, payload []byte) []byte {
	begin := len(b)
	b = append(b, slotMagic...)
	b = binary.BigEndian.AppendUint64(b, sequence)
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	b = append(b, payload...)
	sum := sha256.Sum256(b[begin:])
	return append(b, sum[:]...)
}

// parseSlot reads one slot at the beginning of b; ok is false if there is none.
func parseSlot(b []byte) (sequence uint64, payload []byte, ok bool) {
	if len(b) < slotHead || string(b[:len(slotMagic)]) != slotMagic {
		return 0, nil, false
	}
	n := int(binary.BigEndian.Uint16(b[slotHead-2:]))
	if n > slotMax || len(b) < slotHead+n+sha256.Size {
		return 0, nil, false
	}
	sum := sha256.Sum256(b[:slotHead+n])
	if !bytes.Equal(sum[:], b[slotHead+n:][:sha256.Size]) {
		return 0, nil, false
	}
	return binary.BigEndian.Uint64(b[len(slotMagic):]), b[slotHead : slotHead+n], true
}

// readSlots returns what counts in a file of two slots; ok is false if there is nothing. The error is the disk's.
func readSlots(s store, name string) (sequence uint64, payload []byte, ok bool, err error) {
	b, err := s.read(name)
	if err != nil {
		return 0, nil, false, fmt.Errorf("reading %s: %w", name, err)
	}
	sequence, payload, ok = latestSlot(b)
	return sequence, payload, ok, nil
}

// latestSlot returns what counts in a file of two slots; ok is false if there is nothing.
func latestSlot(b []byte) (sequence uint64, payload []byte, ok bool) {
	for i := range 2 {
		part := b[min(i*slotStep, len(b)):min((i+1)*slotStep, len(b))]
		if q, p, valid := parseSlot(part); valid && (!ok || q > sequence) {
			sequence, payload, ok = q, p, true
		}
	}
	return sequence, payload, ok
}

// twinSlots tells whether both slots of a file are there and hold the same.
func twinSlots(s store, name string) (bool, error) {
	b, err := s.read(name)
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", name, err)
	}
	_, first, ok := parseSlot(b[:min(slotStep, len(b))])
	_, second, too := parseSlot(b[min(slotStep, len(b)):])
	return ok && too && bytes.Equal(first, second), nil
}

// writeSlot writes the slot of this sequence, over the older of the two.
func writeSlot(s store, name string, sequence uint64, payload []byte) error {
	b := appendSlot(make([]byte, 0, slotHead+slotMax+sha256.Size), sequence, payload)
	b = append(b, make([]byte, slotHead+slotMax+sha256.Size-len(b))...) // nothing of a longer one stays
	if err := s.write(name, int64(sequence%2)*slotStep, b, true); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// replaceSlots writes both slots, so that nothing of what was there is left in the file. It returns the new sequence.
func replaceSlots(s store, name string, sequence uint64, payload []byte) (uint64, error) {
	for range 2 {
		if err := writeSlot(s, name, sequence+1, payload); err != nil {
			return sequence, err
		}
		sequence++
	}
	return sequence, nil
}
