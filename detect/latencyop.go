package detect

import (
	"fmt"
	"math"
	"time"

	"github.com/hale-go/hale/observe"
)

// judged are the quantiles that an operation is judged by. The median tells where
// there are too few requests for the others.
var judged = [3]float64{.5, .95, .99}

const (
	fewestRequests = 30              // of a slot, or fewestSlow of them in slowSlot
	fewestSlow     = 8               // of an operation that is rarely done
	slowSlot       = 2 * time.Minute // after which a slot is closed with those
	longSlots      = 6               // slots that make the longer window
	learnedSlots   = 12              // before anything is usual
	memory         = 360             // slots over which what is usual moves

	factor   = 1.5  // of what is usual, at least, to be material
	sure     = 2.   // to be confirmed
	leastMs  = 5.   // by which it must be longer, in milliseconds
	spreads  = 5.   // standard deviations of the operation's own slots, to be surprising
	leastDev = .08  // of the logarithm
	longMean = 10.3 // logarithm of 30 s: a stream, a long poll, a job
)

// latencyOp is what [Latency] knows of an operation.
type latencyOp struct {
	Open   coarse        `json:"open,omitempty"` // the slot that is being filled
	Opened time.Time     `json:"opened,omitzero"`
	Spends spending      `json:"spends"` // in it
	Before []spentOn     `json:"-"`      // of the slot before, to use again
	Closed time.Time     `json:"closed,omitzero"`
	Took   time.Duration `json:"took,omitempty"`  // the last slot
	Marks  []slotMark    `json:"marks,omitempty"` // the last longSlots slots

	Usual [3]norm  `json:"usual"`
	Cost  spending `json:"cost"` // of a request, usually
	Slots int      `json:"slots,omitempty"`
	Rate  float64  `json:"rate,omitempty"` // the highest that was usual, a second

	Hits    int       `json:"hits,omitempty"` // slots in a row that were too slow
	Calm    int       `json:"calm,omitempty"` // that were not, since
	Since   time.Time `json:"since,omitzero"`
	Callee  string    `json:"callee,omitempty"` // whose time it is; "" its own
	Finding *Finding  `json:"finding,omitempty"`
}

// slotMark is how many of a slot's requests took longer than the limits.
type slotMark struct {
	N    float64    `json:"n"`
	Over [3]float64 `json:"over"`
}

// norm is what is usual of the logarithm of a quantile.
type norm struct {
	Mean float64 `json:"mean" sound:"signed"`
	Dev  float64 `json:"dev"` // mean absolute deviation
}

func (n norm) spread() float64 { return max(1.25*n.Dev, leastDev) }

func (n *norm) learn(v float64, slots int) {
	part := max(1/float64(slots+1), 1./memory)
	r := v - n.Mean
	if slots >= learnedSlots { // one bad slot teaches little
		r = min(max(r, -3*n.spread()), 3*n.spread())
	}
	n.Mean += part * r
	if slots > 0 {
		n.Dev += max(1/float64(slots), 1./memory) * (math.Abs(r) - n.Dev)
	}
}

func (s *latencyOp) take(o *observe.OperationStat) {
	s.Open.add(o.Latency)
	s.Spends.add(o)
}

// ready reports whether the slot has enough in it to be closed.
func (s *latencyOp) ready(now time.Time) bool {
	n := s.Open.total()
	return n >= fewestRequests || (n >= fewestSlow && now.Sub(s.Opened) >= slowSlot)
}

// look is a slot that was closed, beside what was usual before.
type look struct {
	n      float64
	rate   float64
	took   time.Duration
	q      [3]float64 // milliseconds
	usual  [3]float64 // 0 where nothing is
	limit  [3]float64
	static [3]bool  // the limit is of the configuration
	load   float64  // times of the highest usual rate; at least 1
	slow   float64  // how much slower the machine made all; at least 1
	sums   spending // where the time went

	shut bool // the slot was closed
	over int  // index of the quantile that is over its limit; -1: none
	free bool // none is over half of its limit any more
}

// close ends the slot and judges it. slow is how much slower the machine made all.
func (s *latencyOp) close(now time.Time, slow float64, limit Threshold) look {
	l := look{shut: true, n: s.Open.total(), took: now.Sub(s.Opened), load: 1, slow: slow, over: -1}
	l.rate = l.n / max(l.took.Seconds(), 1)
	if s.Rate > 0 {
		l.load = min(max(l.rate/s.Rate, 1), 4)
	}
	l.sums = s.Spends
	mark := slotMark{N: l.n}
	for i, q := range judged {
		l.q[i] = s.Open.quantile(q, l.n)
		l.limit[i] = math.Inf(1)
		if u := s.Usual[i]; s.Slots >= learnedSlots && s.Usual[0].Mean < longMean {
			l.usual[i] = math.Exp(u.Mean)
			l.limit[i] = max(factor*l.usual[i], math.Exp(u.Mean+spreads*u.spread()), l.usual[i]+leastMs) * slow * l.load
		}
		if fixed := limit.of(i); fixed > 0 && fixed*slow < l.limit[i] {
			l.limit[i], l.static[i] = fixed*slow, true
		}
		mark.Over[i] = s.Open.above(l.limit[i])
	}
	if len(s.Marks) == longSlots {
		copy(s.Marks, s.Marks[1:])
		s.Marks = s.Marks[:longSlots-1]
	}
	s.Marks = append(s.Marks, mark)
	long := s.long()
	l.free = true
	for i, q := range judged {
		part := 1 - q
		if long.Over[i] >= part/2*long.N && long.Over[i] >= 2 {
			l.free = false
		}
		both := mark.Over[i] >= max(3, part*mark.N) && long.Over[i] >= max(5, part*long.N)
		if both && (l.over != 1 || i < 2) { // P95 says most, and P99 least
			l.over = i
		}
	}
	clear(s.Open)
	s.Spends = spending{Calls: s.Before[:0]}
	s.Before, s.Opened, s.Closed, s.Took = l.sums.Calls, now, now, min(max(l.took, 0), maxTook)
	return l
}

// long returns the sum of the last slots.
func (s *latencyOp) long() (sum slotMark) {
	for _, m := range s.Marks {
		sum.N += m.N
		for i := range sum.Over {
			sum.Over[i] += m.Over[i]
		}
	}
	return sum
}

// learn takes a slot into what is usual.
func (s *latencyOp) learn(l look) {
	for i := range judged {
		s.Usual[i].learn(math.Log(max(l.q[i], 1e-3)), s.Slots)
	}
	s.Cost.learn(&l.sums, l.n, max(1/float64(s.Slots+1), 1./memory))
	s.Rate = max(l.rate, s.Rate*(1-1./memory/8))
	s.Slots = min(s.Slots+1, 1<<20)
}

// text says what of a slot is too slow.
func (s *latencyOp) text(name string, l look) string {
	i, long := l.over, s.long()
	usually := "a limit of " + ms(l.limit[i]/l.slow)
	if !l.static[i] {
		usually = "usually " + ms(l.usual[i])
	}
	last := s.Marks[len(s.Marks)-1]
	out := fmt.Sprintf("P%g of %s is %s, %s: %.3g %% of %.0f requests in %v, and %.3g %% of the last %.0f, took longer than %s",
		100*judged[i], name, ms(l.q[i]), usually, 100*last.Over[i]/last.N, l.n, l.took.Round(time.Second), 100*long.Over[i]/long.N, long.N, ms(l.limit[i]))
	if l.slow > 1.05 {
		out += fmt.Sprintf("; all was %.1f times as slow, for want of processors", l.slow)
	}
	if l.load > 1.2 {
		out += fmt.Sprintf("; there are %.1f times as many as ever before", l.load)
	}
	return out
}

// maxTook bounds what a state says of how long a slot took.
const maxTook = 24 * time.Hour

// check reports whether what was read can be gone on with.
func (s *latencyOp) check() error {
	ok := s.Slots >= 0 && s.Took >= 0 && s.Took <= maxTook && s.Hits >= 0 && len(s.Marks) <= longSlots && s.Rate >= 0 && s.Rate <= 1e12 && s.Spends.sound() && s.Cost.sound()
	for _, u := range s.Usual {
		ok = ok && math.Abs(u.Mean) <= 50 && u.Dev >= 0 && u.Dev <= 50
	}
	for _, m := range s.Marks {
		ok = ok && m.N >= 0 && m.N <= 1e12
	}
	if !ok || (s.Finding != nil && len(s.Finding.Evidence) == 0) {
		return errRange
	}
	return nil
}
