package detect

import (
	"fmt"

	"github.com/hale-go/hale/observe"
)

// usage is how much of one resource the process uses, of how much it may.
type usage struct {
	name   string  // of the subject
	what   string  // for people
	used   float64 // in the unit of limit
	limit  float64
	grows  float64 // what tells whether it grows: used, or what is less noisy
	high   float64 // share of the limit from which on it counts as used up
	least  float64 // growth that matters
	format func(v float64) string
}

// usages returns what has a limit that the system told.
func usages(s observe.Sample) []usage {
	var out []usage
	add := func(u usage) {
		if u.limit > 0 {
			out = append(out, u)
		}
	}
	r := s.Resources
	if r == nil {
		r = &observe.Resources{}
	}
	if f := r.Files; f != nil {
		add(usage{"process.files", "open files", float64(f.Open), float64(f.Limit), float64(f.Open), .9, 32, number})
	}
	live := float64(s.MemoryBytes)
	if c := r.Collector; c != nil {
		live = float64(c.Live) // the heap itself is a saw between two collections
	}
	if m := r.Memory; m != nil {
		add(usage{"process.memory", "memory of the control group", float64(m.WorkingSet()), float64(m.Limit), live, .95, 8 << 20, bytes})
	}
	add(usage{"process.heap", "memory of Go, of GOMEMLIMIT", float64(s.MemoryBytes), float64(s.MemoryLimit), live, 1.02, 8 << 20, bytes})
	if t := r.Threads; t != nil {
		add(usage{"process.threads", "threads", float64(t.Used), float64(t.Limit), float64(t.Used), .9, 32, number})
	}
	return out
}

func (u usage) share() float64 { return u.used / u.limit }

func (u usage) String() string {
	return fmt.Sprintf("%s: %s of %s (%.0f%%)", u.what, u.format(u.used), u.format(u.limit), 100*u.share())
}

func (u usage) subject() observe.Subject { return observe.Subject{Name: u.name, Domain: "process"} }

func number(v float64) string { return fmt.Sprintf("%.0f", v) }

func bytes(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for v >= 1024 && len(units) > 1 {
		v, units = v/1024, units[1:]
	}
	return fmt.Sprintf("%.1f %s", v, units[0])
}
