package observe

import (
	"encoding/binary"
	"errors"
	"time"
)

// numbered numbers the names that a segment's operations have, so that each turn need
// not bear them: in memory, operations take most of a turn.
type numbered struct {
	list  []string // by number; only added to
	index map[string]uint64
}

func (n *numbered) number(name string) uint64 {
	i, ok := n.index[name]
	if !ok {
		if n.index == nil {
			n.index = map[string]uint64{}
		}
		i = uint64(len(n.list))
		n.index[name] = i
		n.list = append(n.list, name)
	}
	return i
}

// packOperations appends the operations as varints to b.
func packOperations(b []byte, ops []OperationStat, n *numbered) []byte {
	b = binary.AppendUvarint(b, uint64(len(ops)))
	for i := range ops {
		o := &ops[i]
		for _, name := range [...]string{o.Name, string(o.Kind), string(o.Domain)} {
			b = binary.AppendUvarint(b, n.number(name))
		}
		for _, v := range [...]uint64{o.Started, o.Ended, o.Failed, o.Inherited, o.Outlived} {
			b = binary.AppendUvarint(b, v)
		}
		for _, v := range [...]int64{o.InFlight, int64(o.Time), int64(o.Below)} {
			b = binary.AppendVarint(b, v)
		}
		b = binary.AppendUvarint(b, uint64(len(o.Waiting)))
		for _, v := range o.Waiting {
			b = binary.AppendUvarint(b, uint64(v))
		}
		b = binary.AppendUvarint(b, uint64(len(o.Latency)))
		last := 0
		for _, l := range o.Latency {
			b = binary.AppendVarint(b, int64(l.Index-last))
			b = binary.AppendUvarint(b, l.Count)
			last = l.Index
		}
		b = packOutcomes(b, o.Outcomes, n)
		b = packOutcomes(b, o.Reported, n)
		b = binary.AppendUvarint(b, uint64(len(o.Calls)))
		for _, c := range o.Calls {
			b = binary.AppendUvarint(b, n.number(c.Name))
			b = binary.AppendUvarint(b, c.Count)
			b = binary.AppendUvarint(b, c.Failed)
			b = binary.AppendVarint(b, int64(c.Time))
		}
	}
	return b
}

func packOutcomes(b []byte, outcomes []Outcome, n *numbered) []byte {
	b = binary.AppendUvarint(b, uint64(len(outcomes)))
	for _, o := range outcomes {
		failed := uint64(0)
		if o.Failed {
			failed = 1
		}
		b = binary.AppendUvarint(b, n.number(o.Name)<<1|failed)
		b = binary.AppendUvarint(b, o.Count)
	}
	return b
}

var errPacked = errors.New("observe: packed operations are damaged")

// unpackOperations is the reverse of packOperations.
func unpackOperations(b []byte, list []string) (ops []OperationStat, err error) {
	u := unpacking{b: b, names: list}
	ops = make([]OperationStat, u.count(12)) // so many bytes has the least
	if len(ops) == 0 {
		ops = nil
	}
	for i := range ops {
		o := &ops[i]
		o.Name, o.Kind, o.Domain = u.name(u.uint()), OperationKind(u.name(u.uint())), Domain(u.name(u.uint()))
		for _, v := range [...]*uint64{&o.Started, &o.Ended, &o.Failed, &o.Inherited, &o.Outlived} {
			*v = u.uint()
		}
		o.InFlight, o.Time, o.Below = u.int(), time.Duration(u.int()), time.Duration(u.int())
		if n := u.count(1); n > 0 {
			o.Waiting = make([]uint32, n)
			for k := range o.Waiting {
				o.Waiting[k] = uint32(u.uint())
			}
		}
		if n := u.count(2); n > 0 {
			o.Latency = make(Histogram, n)
			last := 0
			for k := range o.Latency {
				last += int(u.int())
				o.Latency[k] = Bucket{last, u.uint()}
			}
		}
		o.Outcomes, o.Reported = u.outcomes(), u.outcomes()
		if n := u.count(4); n > 0 {
			o.Calls = make([]Call, n)
			for k := range o.Calls {
				o.Calls[k] = Call{u.name(u.uint()), u.uint(), u.uint(), time.Duration(u.int())}
			}
		}
	}
	if u.bad || len(u.b) > 0 {
		return nil, errPacked
	}
	return ops, nil
}

// unpacking reads varints. Once something is bad, all is 0.
type unpacking struct {
	b     []byte
	names []string
	bad   bool
}

func (u *unpacking) uint() uint64 {
	v, n := binary.Uvarint(u.b)
	return took(u, v, n)
}

func (u *unpacking) int() int64 {
	v, n := binary.Varint(u.b)
	return took(u, v, n)
}

func took[T uint64 | int64](u *unpacking, v T, n int) T {
	if n <= 0 || u.bad {
		u.bad = true
		return 0
	}
	u.b = u.b[n:]
	return v
}

// count reads how many things follow, of at least least bytes each.
func (u *unpacking) count(least int) int {
	n := u.uint()
	if n > uint64(len(u.b)/least) {
		u.bad = true
		return 0
	}
	return int(n)
}

func (u *unpacking) name(i uint64) string {
	if i >= uint64(len(u.names)) {
		u.bad = true
		return ""
	}
	return u.names[i]
}

func (u *unpacking) outcomes() []Outcome {
	n := u.count(2)
	if n == 0 {
		return nil
	}
	out := make([]Outcome, n)
	for k := range out {
		name := u.uint()
		out[k] = Outcome{u.name(name >> 1), u.uint(), name&1 == 1}
	}
	return out
}
