package checkpoint

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
)

// encode returns the state's bytes and how they were made.
func encode[S any](state S) (uint16, []byte, error) {
	if !isBinary[S]() {
		data, err := json.Marshal(state)
		return asJSON, data, err
	}
	m, ok := any(state).(encoding.BinaryMarshaler)
	if !ok {
		m = any(&state).(encoding.BinaryMarshaler) // isBinary has seen it
	}
	data, err := m.MarshalBinary()
	return asBinary, data, err
}

// isBinary reports whether S goes to bytes and back by methods of its own. With only one
// of the two it does not.
func isBinary[S any]() bool {
	p := reflect.TypeFor[*S]()
	if t := p.Elem(); t.Kind() == reflect.Pointer {
		p = t
	}
	return p.Implements(reflect.TypeFor[encoding.BinaryMarshaler]()) && p.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]())
}

// decode returns the state. It contains panics of the state's own methods: bytes that they
// stumble over would else bring the service down at every start.
func decode[S any](how uint16, data []byte) (state S, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("decoding panicked with %T", v)
		}
	}()
	if how == asJSON {
		err = json.Unmarshal(data, &state)
		return state, err
	}
	if !isBinary[S]() {
		return state, fmt.Errorf("it was saved by MarshalBinary, and %T has no such methods", state)
	}
	target := any(&state)
	if t := reflect.TypeFor[S](); t.Kind() == reflect.Pointer {
		fresh := reflect.New(t.Elem()).Interface()
		state, target = fresh.(S), fresh
	}
	err = target.(encoding.BinaryUnmarshaler).UnmarshalBinary(data)
	return state, err
}
