package canon

import (
	"fmt"
	"reflect"
	"strings"
)

// appendTo appends the encoding of v, which has this shape.
func (s *shape) appendTo(b []byte, v reflect.Value) ([]byte, error) {
	switch s.kind {
	case kindItem, kindFixed:
		return s.appendItem(b, v), nil
	case kindText, kindBytes:
		if v.Len() > s.limit {
			return nil, ErrSize
		}
		return s.appendItem(b, v), nil
	case kindRaw:
		if v.Len() > s.limit {
			return nil, ErrSize
		}
		if Check(v.Bytes()) != nil {
			return nil, ErrMalformed
		}
		return append(b, v.Bytes()...), nil
	case kindPointer:
		return s.elem.appendTo(b, v.Elem())
	case kindSlice:
		if v.Len() > s.limit {
			return nil, ErrSize
		}
		b = appendHead(b, majorArray, uint64(v.Len()))
		for i := range v.Len() {
			var err error
			if b, err = s.elem.appendTo(b, v.Index(i)); err != nil {
				return nil, err
			}
		}
		return b, nil
	default:
		return s.appendMap(b, v)
	}
}

// appendItem appends an integer, a bool or a string.
func (s *shape) appendItem(b []byte, v reflect.Value) []byte {
	switch {
	case s.kind == kindText: // that it is UTF-8 is seen when the whole is checked
		return append(appendHead(b, majorText, uint64(v.Len())), v.String()...)
	case s.kind == kindBytes || s.kind == kindFixed && v.CanAddr():
		return append(appendHead(b, majorBytes, uint64(v.Len())), v.Bytes()...)
	case s.kind == kindFixed:
		b = appendHead(b, majorBytes, uint64(v.Len()))
		for i := range v.Len() {
			b = append(b, byte(v.Index(i).Uint()))
		}
		return b
	case v.CanUint():
		return appendHead(b, majorUint, v.Uint())
	case v.CanInt():
		return appendKey(b, v.Int())
	case v.Bool():
		return appendHead(b, majorOther, valueTrue)
	default:
		return appendHead(b, majorOther, valueFalse)
	}
}

// appendMap appends a struct: its fields and its unknown pairs, in the order of their keys.
func (s *shape) appendMap(b []byte, v reflect.Value) ([]byte, error) {
	unknown, err := s.splitUnknown(v)
	if err != nil {
		return nil, err
	}
	n := len(unknown)
	for _, f := range s.fields {
		if !f.absent(v.Field(f.index)) {
			n++
		}
	}
	b = appendHead(b, majorMap, uint64(n))
	for _, f := range s.fields {
		key := f.encoded
		for len(unknown) > 0 && strings.Compare(unknown[0], key) < 0 { // a pair sorts as its key: no key begins another
			b = append(b, unknown[0]...)
			unknown = unknown[1:]
		}
		if len(unknown) > 0 && strings.HasPrefix(unknown[0], key) { // it is known here
			return nil, ErrMalformed
		}
		value := v.Field(f.index)
		if f.absent(value) {
			continue
		}
		if b, err = f.appendTo(append(b, key...), value); err != nil {
			return nil, err
		}
	}
	for _, pair := range unknown {
		b = append(b, pair...)
	}
	return b, nil
}

// absent tells whether the field is left out.
func (f field) absent(v reflect.Value) bool { return f.optional && f.empty(v) }

// empty tells whether v, which has this shape, is what comes of nothing. A slice of no elements is, whether it is nil or
// not, and so is a struct of such fields: what is read back does not tell them apart.
func (s *shape) empty(v reflect.Value) bool {
	switch s.kind {
	case kindSlice, kindBytes, kindRaw:
		return v.Len() == 0
	case kindStruct:
		for _, f := range s.fields {
			if !f.empty(v.Field(f.index)) {
				return false
			}
		}
		return s.unknown < 0 || v.Field(s.unknown).Len() == 0
	default:
		return v.IsZero()
	}
}

// splitUnknown returns the pairs of a struct's Unknown. That they are in order and clash with no field is seen when the
// whole is written and checked.
func (s *shape) splitUnknown(v reflect.Value) (pairs []string, err error) {
	switch s.unknown {
	case closed:
		return nil, nil
	case passing:
		panic(fmt.Sprintf("canon: %v is only read", v.Type()))
	}
	u := v.Field(s.unknown).String()
	for rest := []byte(u); len(rest) > 0; {
		key, value, err := readKey(rest)
		if err != nil || key < 0 { // a reader would not understand it
			return nil, ErrMalformed
		}
		after, err := skip(value, 1)
		if err != nil {
			return nil, ErrMalformed
		}
		at := len(u) - len(rest)
		pairs = append(pairs, u[at:len(u)-len(after)])
		rest = after
	}
	return pairs, nil
}
