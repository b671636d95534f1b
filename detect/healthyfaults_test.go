package detect_test

import (
	"slices"
	"time"
)

// fault is what befalls one operation of a [service], or all of it. The zero value of
// each field is nothing.
type fault struct {
	of       string // name of the operation; "" is all of them
	from     time.Duration
	until    time.Duration // 0: it stays
	slow     float64       // times as long
	creep    float64       // part of the usual time that is added each hour
	failing  float64       // share of its spans
	stalls   bool          // nothing of it ends
	leaks    float64       // share of its spans that never end
	silent   bool          // nobody asks
	mute     bool          // it logs nothing
	files    float64       // that are left open each second
	logStorm int           // records of an error each second
}

func (f fault) on(w *service, o *simOp) bool {
	now := time.Duration(w.second) * time.Second
	return now >= f.from && (f.until == 0 || now < f.until) && (o == nil || f.of == "" || f.of == o.name)
}

func (w *service) slowed(o *simOp, ms float64) float64 {
	for _, f := range w.faults {
		if f.on(w, o) {
			if f.slow > 0 {
				ms *= f.slow
			}
			ms *= 1 + f.creep*(time.Duration(w.second)*time.Second-f.from).Hours()
		}
	}
	return ms
}

func (w *service) failing(o *simOp) float64 {
	p := o.fails
	for _, f := range w.faults {
		if f.on(w, o) {
			p = max(p, f.failing)
		}
	}
	return p
}

// hangs reports whether a span that begins now never ends.
func (w *service) hangs(o *simOp) bool {
	for _, f := range w.faults {
		if f.on(w, o) && (f.stalls || (f.leaks > 0 && w.rng.Float64() < f.leaks)) {
			return true
		}
	}
	return false
}

// released reports whether spans that hang may go on: they stalled, and no longer do.
func (w *service) released(o *simOp) bool {
	for _, f := range w.faults {
		if f.leaks > 0 || (f.stalls && f.on(w, nil)) {
			return false
		}
	}
	return o.life[0] == 0
}

func (w *service) silence(o *simOp) float64 {
	for _, f := range w.faults {
		if f.silent && f.on(w, o) {
			return 0
		}
	}
	return 1
}

func (w *service) mute(o *simOp) bool {
	return slices.ContainsFunc(w.faults, func(f fault) bool { return f.mute && f.on(w, o) })
}

func (w *service) leakedFiles() (n float64) {
	for _, f := range w.faults {
		if f.on(w, nil) {
			n += f.files
		}
	}
	return n
}

func (w *service) stormLogs(say func(form string, level int, name string, n uint64)) {
	for _, f := range w.faults {
		if f.on(w, nil) && f.logStorm > 0 {
			say("cannot reach <*>: connection refused", 8, f.of, uint64(w.poisson(float64(f.logStorm))))
		}
	}
}
