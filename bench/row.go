package main

import (
	"fmt"
	"math"
)

// row is one line of the output.
type row struct {
	name   string
	values series // one for each round
	unit   unit
	target float64 // 0: none, the row is there to compare
	sense  sense   // of the target
	note   string  // absolute figures, for the details
}

// sense is what a target demands.
type sense int

const (
	atMost  sense = iota
	atLeast       // of what is the better the more there is
	none          // a target of zero
)

// unit says how a figure is written.
type unit struct {
	suffix   string
	decimals int
}

var (
	times  = unit{"x", 3}
	allocs = unit{" allocs", 2}
	bytes  = unit{" B", 0}
	ticks  = unit{" ticks", 2}
	count  = unit{"", 0}
	millis = unit{" ms", 3}
	share  = unit{" %", 3} // of one core
)

// format writes v, without a sign where it is written as a zero.
func (u unit) format(v float64) string {
	if u.round(v) == 0 {
		v = 0
	}
	return fmt.Sprintf("%.*f%s", u.decimals, v, u.suffix)
}

// round returns v as it is written. Allocations that are a contestant's set-up
// and no unit's disappear in it.
func (u unit) round(v float64) float64 {
	p := math.Pow10(u.decimals)
	return math.Round(v*p) / p
}

// verdict judges the figure as it is written, so that a row never contradicts
// itself.
func (r row) verdict() string {
	figure := r.unit.round(r.values.median())
	switch {
	case r.target == 0 && r.sense != none:
		return "-"
	case r.sense == atLeast && figure >= r.target, r.sense != atLeast && figure <= r.target:
		return "ok"
	default: // also when there is no figure
		return "short"
	}
}

// String returns name | ratio | target | verdict.
func (r row) String() string {
	target := "-"
	if r.verdict() != "-" {
		target = map[sense]string{atLeast: ">= "}[r.sense]
		if target == "" {
			target = "<= "
		}
		target += fmt.Sprint(r.target) + r.unit.suffix
	}
	return fmt.Sprintf("%-44s | %11s | %-11s | %s", r.name, r.unit.format(r.values.median()), target, r.verdict())
}

// detail returns the spread over the rounds.
func (r row) detail() string {
	s := fmt.Sprintf("%s .. %s over %d rounds", r.unit.format(r.values.at(0)), r.unit.format(r.values.at(1)), len(r.values))
	if r.note != "" {
		s += "; " + r.note
	}
	return s
}
