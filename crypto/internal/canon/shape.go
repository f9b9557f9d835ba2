package canon

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// kind is what the wire form of a Go type is.
type kind int

const (
	kindItem    kind = iota // an integer or bool
	kindText                // string
	kindBytes               // []byte
	kindFixed               // [n]byte
	kindRaw                 // Raw
	kindStruct              // map
	kindSlice               // array
	kindPointer             // what it points to, or nothing
)

// shape is what this package knows of a Go type.
type shape struct {
	kind    kind
	limit   int     // bytes, or elements of a slice
	elem    *shape  // of slices and pointers
	fields  []field // of structs, by the bytes of their keys
	unknown int     // index of a struct's Unknown, or closed, or passing
}

// What stands for the index of the Unknown of a struct that has a Closed or a Rest instead.
const (
	closed  = -1
	passing = -2
)

// field is one field of a struct.
type field struct {
	*shape
	key      int64
	encoded  string // of the key
	index    int
	optional bool
}

var (
	shapes sync.Map // of struct types: reflect.Type to *shape

	typeRaw     = reflect.TypeFor[Raw]()
	typeUnknown = reflect.TypeFor[Unknown]()
	typeClosed  = reflect.TypeFor[Closed]()
	typeRest    = reflect.TypeFor[Rest]()
)

// shapeOf returns the shape of a struct type. It panics if the type cannot be a body.
func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := structShape(t, 0)
	shapes.Store(t, s)
	return s
}

func structShape(t reflect.Type, depth int) *shape {
	if depth >= MaxDepth {
		panic(fmt.Sprintf("canon: %v is nested too deep", t))
	}
	s := &shape{kind: kindStruct}
	places := 0 // for what has no field
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case !f.IsExported():
			panic(fmt.Sprintf("canon: %v.%s is not exported", t, f.Name))
		case f.Type == typeUnknown && f.Tag.Get("cbor") == "-":
			s.unknown, places = i, places+1
		case f.Type == typeClosed && f.Tag.Get("cbor") == "-":
			s.unknown, places = closed, places+1
		case f.Type == typeRest && f.Tag.Get("cbor") == "-":
			s.unknown, places = passing, places+1
		default:
			s.fields = append(s.fields, makeField(t, f, i, depth))
		}
	}
	if places != 1 {
		panic(fmt.Sprintf("canon: %v has %d places for unknown keys", t, places))
	}
	slices.SortFunc(s.fields, func(a, b field) int {
		return slices.Compare(appendKey(nil, a.key), appendKey(nil, b.key))
	})
	for i := 1; i < len(s.fields); i++ {
		if s.fields[i-1].key == s.fields[i].key {
			panic(fmt.Sprintf("canon: %v has key %d twice", t, s.fields[i].key))
		}
	}
	return s
}

func makeField(t reflect.Type, f reflect.StructField, index, depth int) field {
	parts := strings.Split(f.Tag.Get("cbor"), ",")
	key, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || !slices.Contains(parts[1:], "keyasint") {
		panic(fmt.Sprintf("canon: %v.%s has no integer key", t, f.Name))
	}
	limits := func(tag string) int {
		text := f.Tag.Get(tag)
		if text == "" {
			return -1
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			panic(fmt.Sprintf("canon: %v.%s: %s:%q is no limit", t, f.Name, tag, text))
		}
		return n
	}
	s := shapeOfField(f.Type, limits("max"), limits("each"), depth)
	optional := slices.Contains(parts[1:], "omitempty")
	if s == nil || s.kind == kindPointer && !optional {
		panic(fmt.Sprintf("canon: %v.%s cannot be in a body, or lacks a limit", t, f.Name))
	}
	return field{s, key, string(appendKey(nil, key)), index, optional}
}

// shapeOfField returns nil for what cannot be in a body.
func shapeOfField(t reflect.Type, limit, each, depth int) *shape {
	if t == typeRaw {
		return limited(kindRaw, limit)
	}
	switch t.Kind() {
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Bool:
		return &shape{kind: kindItem}
	case reflect.String:
		if t == typeUnknown {
			return nil
		}
		return limited(kindText, limit)
	case reflect.Array:
		if t.Elem().Kind() != reflect.Uint8 {
			return nil
		}
		return &shape{kind: kindFixed, limit: t.Len()}
	case reflect.Struct:
		return structShape(t, depth+1)
	case reflect.Pointer:
		elem := shapeOfField(t.Elem(), -1, -1, depth)
		if elem == nil || elem.kind != kindItem && elem.kind != kindStruct {
			return nil
		}
		return &shape{kind: kindPointer, elem: elem}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return limited(kindBytes, limit)
		}
		s := limited(kindSlice, limit)
		elem := shapeOfField(t.Elem(), each, -1, depth+1)
		if s == nil || elem == nil || elem.kind == kindPointer {
			return nil
		}
		s.elem = elem
		return s
	default:
		return nil
	}
}

func limited(k kind, limit int) *shape {
	if limit < 0 {
		return nil
	}
	return &shape{kind: k, limit: limit}
}
