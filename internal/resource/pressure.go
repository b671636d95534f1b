package resource

import (
	"bytes"
	"path"
	"strconv"

	"github.com/hale-go/hale/observe"
)

// pressureFiles says where the pressure files are: dir/cpu.pressure in a control
// group, dir/cpu for the machine.
type pressureFiles struct {
	dir, end string
	machine  bool
}

func (p pressureFiles) name(resource string) string { return path.Join(p.dir, resource+p.end) }

// lookForPressure takes the process's own group where it has the files. They are
// there and cannot be read on kernels that were started without them.
func (r *Reader) lookForPressure(dirs []string) pressureFiles {
	if len(dirs) > 0 {
		group := pressureFiles{dir: dirs[0], end: ".pressure"}
		if _, err := r.read(group.name("memory")); err == nil {
			return group
		}
	}
	return pressureFiles{dir: "/proc/pressure", machine: true}
}

// readPressure reads how long work stood still. It returns the first error for
// each resource; where all have one, nothing is known.
func (r *Reader) readPressure(u *use) (cpu, memory, io error) {
	u.pressure = observe.PressureUse{Machine: r.limits.pressure.machine}
	u.pressure.CPU, cpu = r.readStall("cpu", &u.stalls[0])
	u.pressure.Memory, memory = r.readStall("memory", &u.stalls[1])
	u.pressure.IO, io = r.readStall("io", &u.stalls[2])
	if cpu == nil || memory == nil || io == nil {
		u.out.Pressure = &u.pressure
	}
	return cpu, memory, io
}

func (r *Reader) readStall(resource string, into *observe.Stall) (*observe.Stall, error) {
	name := r.limits.pressure.name(resource)
	b, err := r.read(name)
	if err != nil {
		return nil, err
	}
	var ok bool
	if *into, ok = parseStall(b); !ok {
		return nil, garbage(name)
	}
	return into, nil
}

// parseStall reads a pressure file: a line "some" and, but for the processor on
// older kernels, a line "full".
func parseStall(text []byte) (s observe.Stall, ok bool) {
	for line := range bytes.Lines(text) {
		kind, rest, _ := bytes.Cut(line, []byte(" avg10="))
		value, _, whole := bytes.Cut(rest, []byte(" "))
		var into *float64
		switch string(kind) {
		case "some":
			into, ok = &s.Some, true
		case "full":
			into = &s.Full
		default:
			continue // what a later kernel adds
		}
		v, err := strconv.ParseFloat(string(value), 64)
		if err != nil || !whole || !(v >= 0 && v <= 100) {
			return observe.Stall{}, false
		}
		*into = v
	}
	if !ok {
		return observe.Stall{}, false
	}
	return s, true
}
