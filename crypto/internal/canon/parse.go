package canon

import (
	"bytes"
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
		return s.parseItem(b, major, v)
	case kindText, kindBytes, kindFixed:
		return s.parseString(b, major, arg, v)
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

// parseItem leaves an integer or bool to fxamacker/cbor, which refuses what the field cannot hold.
func (s *shape) parseItem(b []byte, major byte, v reflect.Value) error {
	number := major == majorUint || major == majorNeg
	if number == (v.Kind() == reflect.Bool) || decoder.Unmarshal(b, v.Addr().Interface()) != nil {
		return ErrMalformed
	}
	return nil
}

func (s *shape) parseString(b []byte, major byte, arg uint64, v reflect.Value) error {
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
		return nil
	}
	if decoder.Unmarshal(b, v.Addr().Interface()) != nil {
		return ErrMalformed
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
	pairs, unknown, err := s.sort(b, n)
	if err != nil {
		return err
	}
	if s.unknown != closed {
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
// no field.
func (s *shape) sort(b []byte, n uint64) (values [][]byte, unknown []byte, err error) {
	values = make([][]byte, len(s.fields))
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
