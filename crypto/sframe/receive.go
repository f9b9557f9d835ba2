package sframe

// Receiver opens frames: those of one sender, or of several whose KIDs are agreed to differ. It chooses the key by the
// KID and refuses what it opened before. The zero value is a Receiver without keys. One goroutine at a time uses it.
//
// Who sent a frame follows from its KID and from whom that key came: before a key is added, the caller checks that its
// KID is one that its owner may use.
type Receiver struct {
	keys map[uint64]*opening
}

type opening struct {
	derived *derived
	seen    window
}

// Add makes the Receiver open frames under key, of which it holds a thousand (MaxKeys) at about 2 kB each. The error is
// ErrKey for the zero Key, ErrTaken if the KID has a key, were it the same one (to add it anew would forget what was
// opened under it), or ErrFull.
func (r *Receiver) Add(key Key) error {
	if key.secret == nil {
		return ErrKey
	}
	kid := key.secret.kid
	if r.keys[kid] != nil {
		return ErrTaken
	}
	if len(r.keys) >= MaxKeys {
		return ErrFull
	}
	d, err := key.derive()
	if err != nil {
		return err
	}
	if r.keys == nil {
		r.keys = make(map[uint64]*opening)
	}
	r.keys[kid] = &opening{derived: d}
	return nil
}

// Remove forgets the key with this KID, if there is one, and what was opened under it. Whoever adds the same key again
// lets old frames in again: a key that was removed is done with.
func (r *Receiver) Remove(kid uint64) { delete(r.keys, kid) }

// Open opens a sealed frame with the metadata it was sealed with, appends the frame to dst, whose spare room must not
// overlap sealed or metadata, and returns the result with the header. With room in dst it allocates what Seal
// allocates.
//
// The error is ErrHeader, ErrNoKey, ErrTooLong, ErrReplay or ErrOpen; the result is nil, the Receiver as before, and
// dst may have been scribbled on beyond its length. With ErrNoKey and ErrReplay the header is returned as it came,
// proven by nothing.
//
// Seen from outside, a frame that fails takes less time than one that opens, which section 4.4.4 would rather avoid: it
// tells whether a frame was good, and never anything of key or content.
func (r *Receiver) Open(dst, sealed, metadata []byte) ([]byte, Header, error) {
	header, n, err := ParseHeader(sealed)
	if err != nil {
		return nil, Header{}, err
	}
	o := r.keys[header.KID]
	if o == nil {
		return nil, header, ErrNoKey
	}
	d := o.derived
	if len(sealed)-n > MaxFrame+d.aead.Overhead() || len(metadata) > MaxMetadata {
		return nil, Header{}, ErrTooLong
	}
	if !o.seen.fresh(header.CTR) {
		return nil, header, ErrReplay
	}
	frame, err := d.aead.Open(dst, d.setNonce(header.CTR), sealed[n:], d.setAAD(sealed[:n], metadata))
	if err != nil {
		return nil, Header{}, ErrOpen
	}
	o.seen.mark(header.CTR)
	return frame, header, nil
}
