package canon

import (
	"bytes"
	"math"
	"reflect"
	"slices"
)

// parse reads the item b, which Check has passed, into v, which has this shape and is zero.
func (s *shape) parse(b []byte, v reflect.Value) error {
	major, arg, rest, err := head(b)
	if err != nil {
		return err
	}
	switch s.kind {
	case kindItem:
		return parseItem(major, arg, v)
	case kindText, kindBytes, kindFixed:
		return s.parseString(major, arg, rest, v)
	case kindRaw:
		if len(b) > s.limit {
			return ErrSize
		}
		v.SetBytes(bytes.Clone(b))
		return nil
	case kindPointer:
		v.Set(reflect.New(v.Type().Elem()))
		return s.elem.parse(b, v.Elem())
	case kindSlice:
		if major != majorArray {
			return ErrMalformed
		}
		return s.parseArray(rest, arg, v)
	default:
		if major != majorMap {
			return ErrMalformed
		}
		return s.parseMap(rest, arg, v)
	}
}

// parseItem reads an integer or bool, and refuses what the field cannot hold.
func parseItem(major byte, arg uint64, v reflect.Value) error {
	switch {
	case v.Kind() == reflect.Bool && major == majorOther:
		v.SetBool(arg == valueTrue)
		return nil
	case v.CanUint() && major == majorUint && !v.OverflowUint(arg):
		v.SetUint(arg)
		return nil
	case v.CanInt() && (major == majorUint || major == majorNeg) && arg <= math.MaxInt64:
		n := int64(arg)
		if major == majorNeg {
			n = -1 - n
		}
		if v.OverflowInt(n) {
			return ErrMalformed
		}
		v.SetInt(n)
		return nil
	default:
		return ErrMalformed
	}
}

// parseString reads text or bytes, of which arg are here: Check has seen to that, and that text is UTF-8.
func (s *shape) parseString(major byte, arg uint64, b []byte, v reflect.Value) error {
	want := byte(majorBytes)
	if s.kind == kindText {
		want = majorText
	}
	switch {
	case major != want:
		return ErrMalformed
	case s.kind == kindFixed && arg != uint64(s.limit):
		return ErrMalformed
	case arg > uint64(s.limit):
		return ErrSize
	case arg == 0: // nil, as everywhere for what is empty
	case s.kind == kindText:
		v.SetString(string(b))
	case s.kind == kindFixed:
		copy(v.Bytes(), b)
	default:
		v.SetBytes(bytes.Clone(b))
	}
	return nil
}

func (s *shape) parseArray(b []byte, n uint64, v reflect.Value) error {
	if n > uint64(s.limit) {
		return ErrSize
	}
	if n == 0 {
		return nil
	}
	v.Set(reflect.MakeSlice(v.Type(), int(n), int(n)))
	for i := range int(n) {
		rest, err := skip(b, 0)
		if err != nil {
			return err
		}
		if err := s.elem.parse(b[:len(b)-len(rest)], v.Index(i)); err != nil {
			return err
		}
		b = rest
	}
	return nil
}

// parseMap reads n pairs into a struct. It looks through all keys first: if one must be understood and is not, nothing
// else in the map need mean what it meant.
func (s *shape) parseMap(b []byte, n uint64, v reflect.Value) error {
	var space [24][]byte // most have fewer fields
	pairs, unknown, err := s.sort(space[:], b, n)
	if err != nil {
		return err
	}
	if s.unknown >= 0 {
		v.Field(s.unknown).SetString(string(unknown))
	}
	for i, f := range s.fields {
		if pairs[i] == nil {
			if !f.optional {
				return ErrMalformed
			}
			continue
		}
		value := v.Field(f.index)
		if err := f.parse(pairs[i], value); err != nil {
			return err
		}
		if f.kind != kindPointer && f.absent(value) { // it would be written without
			return ErrMalformed
		}
	}
	return nil
}

// sort returns the values of the fields, in their order, nil for those that are absent, and the pairs that belong to
// no field. It takes space for the values, if that is enough.
func (s *shape) sort(space [][]byte, b []byte, n uint64) (values [][]byte, unknown []byte, err error) {
	if values = space[:min(len(s.fields), len(space))]; len(values) < len(s.fields) {
		values = make([][]byte, len(s.fields))
	}
	var newer bool
	for range n {
		key, value, err := readKey(b)
		if err != nil {
			return nil, nil, err
		}
		rest, err := skip(value, 0)
		if err != nil {
			return nil, nil, err
		}
		i := slices.IndexFunc(s.fields, func(f field) bool { return f.key == key })
		switch {
		case i >= 0:
			values[i] = value[:len(value)-len(rest)]
		case s.unknown == closed:
			return nil, nil, ErrMalformed
		case s.unknown == passing:
		case key < 0:
			newer = true
		default:
			unknown = append(unknown, b[:len(b)-len(rest)]...)
		}
		b = rest
	}
	if newer {
		return nil, nil, ErrNewer
	}
	return values, unknown, nil
}
