package goroutine

import "errors"

// maxDepth bounds the frames of one stack. The runtime cuts stacks at 128 calls,
// or what GODEBUG=profstackdepth says up to 1024, before inlined ones.
const maxDepth = 16 << 10

var (
	errBadIndex = errors.New("goroutine: the profile refers to something that is not in it")
	errTooDeep  = errors.New("goroutine: the profile has a stack without end")
)

// Numbers of the fields that are read, from profile.proto of
// github.com/google/pprof.
const (
	profileSample   = 2
	profileLocation = 4
	profileFunction = 5
	profileString   = 6

	functionID    = 1
	functionName  = 2
	functionFile  = 4
	functionStart = 5

	locationID   = 1
	locationLine = 4

	idOrKey  = 1 // Line.function_id, Label.key
	lineOrID = 2 // Line.line, Label.str
)

// profile is an encoded goroutine profile with its tables. It holds no samples:
// each reads them off the encoding one by one, so that goroutines with labels of
// their own, each of which is a sample, cost next to nothing here. A library's
// form of them takes half a kilobyte a sample.
type profile struct {
	raw       message
	strings   []message
	functions []*function  // by ID; nil is unknown
	lines     []line       // of all locations
	locations []linesRange // by ID
}

// line is a line of a location: innermost first where calls were inlined.
type line struct {
	function uint64 // ID
	number   int
}

// linesRange is which lines are a location's.
type linesRange struct {
	from, to int
	known    bool
}

// parse reads the tables of an encoded profile, which the result keeps.
func parse(raw []byte) (*profile, error) {
	p := &profile{raw: raw}
	var functions []message // their names come last in the encoding
	for m := p.raw; len(m) > 0; {
		f, err := m.next()
		if err != nil {
			return nil, err
		}
		switch f.number {
		case profileString, profileLocation, profileFunction, profileSample:
		default:
			continue
		}
		b, err := f.message()
		if err != nil {
			return nil, err
		}
		switch f.number {
		case profileString:
			p.strings = append(p.strings, b)
		case profileLocation:
			err = p.addLocation(b)
		case profileFunction:
			functions = append(functions, b)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(p.strings) > 0 && len(p.strings[0]) > 0 {
		return nil, errBadIndex // number 0 stands for no string
	}
	for _, b := range functions {
		if err := p.addFunction(b); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// reach makes t long enough to be indexed by id. IDs are numbered from 1, so
// that one beyond the profile's length is nonsense.
func reach[T any](p *profile, t []T, id uint64) ([]T, error) {
	if id == 0 || id > uint64(len(p.raw)) {
		return t, errBadIndex
	}
	for uint64(len(t)) <= id {
		var zero T
		t = append(t, zero)
	}
	return t, nil
}

func (p *profile) addLocation(m message) (err error) {
	var id uint64
	from := len(p.lines)
	for len(m) > 0 {
		f, err := m.next()
		if err != nil {
			return err
		}
		switch f.number {
		case locationID:
			if id, err = f.uint(); err != nil {
				return err
			}
		case locationLine:
			b, err := f.message()
			if err != nil {
				return err
			}
			function, number, err := pair(b)
			if err != nil {
				return err
			}
			p.lines = append(p.lines, line{function, int(int64(number))})
		}
	}
	if p.locations, err = reach(p, p.locations, id); err != nil || p.locations[id].known {
		return errBadIndex
	}
	p.locations[id] = linesRange{from, len(p.lines), true}
	return nil
}

func (p *profile) addFunction(m message) error {
	var id, start uint64
	var name, file string
	for len(m) > 0 {
		f, err := m.next()
		if err != nil {
			return err
		}
		switch f.number {
		case functionID, functionName, functionFile, functionStart:
		default:
			continue
		}
		v, err := f.uint()
		if err != nil {
			return err
		}
		switch f.number {
		case functionID:
			id = v
		case functionStart:
			start = v
		case functionName:
			name, err = p.text(v)
		case functionFile:
			file, err = p.text(v)
		}
		if err != nil {
			return err
		}
	}
	var err error
	if p.functions, err = reach(p, p.functions, id); err != nil || p.functions[id] != nil {
		return errBadIndex
	}
	f := newFunction(name, file, int(int64(start)))
	p.functions[id] = &f
	return nil
}

// pair reads a message of two numbers: a line or a label of a string.
func pair(m message) (one, two uint64, err error) {
	for len(m) > 0 {
		f, err := m.next()
		if err != nil {
			return 0, 0, err
		}
		switch f.number {
		case idOrKey:
			one, err = f.uint()
		case lineOrID:
			two, err = f.uint()
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return one, two, nil
}

// bytes returns the string of a number, as part of the encoding.
func (p *profile) bytes(i uint64) ([]byte, error) {
	if i >= uint64(len(p.strings)) {
		return nil, errBadIndex
	}
	return p.strings[i], nil
}

// text returns the string of a number.
func (p *profile) text(i uint64) (string, error) {
	b, err := p.bytes(i)
	return string(b), err
}

// frames appends the calls of a sample's stack to out, innermost first.
func (p *profile) frames(stack message, out []frame) ([]frame, error) {
	for len(stack) > 0 {
		id, err := stack.varint()
		if err != nil {
			return out, err
		}
		if id >= uint64(len(p.locations)) || !p.locations[id].known {
			return out, errBadIndex
		}
		l := p.locations[id]
		if len(out)+l.to-l.from > maxDepth {
			return out, errTooDeep
		}
		for _, line := range p.lines[l.from:l.to] {
			if line.function >= uint64(len(p.functions)) || p.functions[line.function] == nil {
				return out, errBadIndex
			}
			out = append(out, frame{p.functions[line.function], line.number})
		}
	}
	return out, nil
}

// each calls f for every sample and stops at an error, its own or f's.
func (p *profile) each(f func(*sample) error) error {
	var s sample
	for m := p.raw; len(m) > 0; {
		field, err := m.next()
		if err != nil {
			return err
		}
		if field.number != profileSample {
			continue
		}
		if err := s.read(p, field.bytes); err != nil {
			return err
		}
		if err := f(&s); err != nil {
			return err
		}
	}
	return nil
}
