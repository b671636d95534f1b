package detect

import (
	"fmt"
	"math"
	"time"

	"github.com/hale-go/hale/observe"
)

// spending is where the time of an operation's spans goes: sums, or means of one
// span, in milliseconds.
type spending struct {
	Self  float64   `json:"self"` // outside of the spans that it calls
	Calls []spentOn `json:"calls,omitempty"`
}

// spentOn is what goes into the calls of one operation.
type spentOn struct {
	Name  string  `json:"name"`
	Count float64 `json:"n"`
	Time  float64 `json:"ms"`
}

// maxSpent is how many callees of an operation are told apart.
const maxSpent = 6

func milliseconds(d time.Duration) float64 {
	return min(max(float64(d)/float64(time.Millisecond), 0), 1e12)
}

// add takes what an operation did in a turn.
func (s *spending) add(o *observe.OperationStat) {
	s.Self += milliseconds(o.Time - min(o.Below, o.Time))
	for i := range o.Calls {
		c := &o.Calls[i]
		if at := s.on(c.Name); at != nil {
			at.Count += float64(min(c.Count, mostCoarse))
			at.Time += milliseconds(c.Time)
		}
	}
}

// on returns the entry of a callee, nil if there is no room for it.
func (s *spending) on(name string) *spentOn {
	i := s.index(name)
	if i < 0 {
		if len(s.Calls) >= maxSpent || !nameable(name) {
			return nil
		}
		s.Calls = append(s.Calls, spentOn{Name: name})
		i = len(s.Calls) - 1
	}
	return &s.Calls[i]
}

func (s *spending) index(name string) int {
	for i := range s.Calls {
		if s.Calls[i].Name == name {
			return i
		}
	}
	return -1
}

func (s *spending) of(name string) spentOn {
	if i := s.index(name); i >= 0 {
		return s.Calls[i]
	}
	return spentOn{Name: name}
}

// each returns the means of sums over n spans.
func (s *spending) each(n float64) spending {
	out := spending{Self: s.Self / n, Calls: make([]spentOn, 0, len(s.Calls))}
	for _, c := range s.Calls {
		out.Calls = append(out.Calls, spentOn{c.Name, c.Count / n, c.Time / n})
	}
	return out
}

// learn moves means a part of the way to those of sums over n spans. Callees that are
// no longer called make room.
func (s *spending) learn(sums *spending, n, part float64) {
	s.Self += part * (sums.Self/n - s.Self)
	for i := range sums.Calls {
		s.on(sums.Calls[i].Name)
	}
	kept := s.Calls[:0]
	for _, c := range s.Calls {
		now := sums.of(c.Name)
		c.Count += part * (now.Count/n - c.Count)
		c.Time += part * (now.Time/n - c.Time)
		if c.Count >= 1e-4 {
			kept = append(kept, c)
		}
	}
	s.Calls = kept
}

func (s *spending) total() float64 {
	t := s.Self
	for _, c := range s.Calls {
		t += c.Time
	}
	return t
}

// sound reports whether what was read can be gone on with.
func (s *spending) sound() bool {
	ok := len(s.Calls) <= maxSpent && s.Self >= 0 && s.Self <= 1e15
	for _, c := range s.Calls {
		ok = ok && nameable(c.Name) && c.Count >= 0 && c.Count <= 1e15 && c.Time >= 0 && c.Time <= 1e15
	}
	return ok
}

// blame says whose time it is that an operation became slower by.
type blame struct {
	Callee string  // "" is the operation itself
	More   float64 // how many times as long one call of it takes
	Text   string
}

// blameFor compares what a span spends now with what is usual.
func blameFor(now, usual spending) blame {
	grown := now.Self - usual.Self
	most, callee := grown, ""
	for _, c := range now.Calls {
		d := c.Time - usual.of(c.Name).Time
		grown += d
		if d > most {
			most, callee = d, c.Name
		}
	}
	whole, before := now.total(), usual.total()
	if callee == "" || most < grown/2 || most <= 0 {
		return blame{Text: fmt.Sprintf("%s of %s a request are its own time (usually %s of %s)", ms(now.Self), ms(whole), ms(usual.Self), ms(before))}
	}
	n, u := now.of(callee), usual.of(callee)
	b := blame{Callee: callee, More: math.Inf(1)}
	b.Text = fmt.Sprintf("%s of %s a request are in %s (usually %s of %s)", ms(n.Time), ms(whole), callee, ms(u.Time), ms(before))
	if u.Time > 0 && u.Count > 0 && n.Count > 0 {
		b.More = n.Time / n.Count / (u.Time / u.Count)
		if n.Count > 1.5*u.Count {
			b.Text += fmt.Sprintf("; it calls that %.3g times a request, usually %.3g", n.Count, u.Count)
		}
	}
	return b
}

// ms writes milliseconds for people.
func ms(v float64) string {
	d := time.Duration(min(max(v, 0), 1e12) * float64(time.Millisecond))
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= 100*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}
