package detect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hale-go/hale/observe"
)

// maxOperations is how many operations a detector follows, as many as a runtime
// tells apart. Further ones are left out.
const maxOperations = 1024

// roster is what a detector knows of each operation, sorted by name and kind.
type roster[S any] []rostered[S]

type rostered[S any] struct {
	Name   string                `json:"name"`
	Kind   observe.OperationKind `json:"kind"`
	Domain observe.Domain        `json:"domain,omitempty"`
	Unseen int                   `json:"unseen,omitempty"` // processes in a row that did not use it
	Is     S                     `json:"is"`

	seen bool // in the turn that is being looked at
}

func (e *rostered[S]) subject() observe.Subject {
	return observe.Subject{Name: e.Name, Domain: e.Domain}
}

func (e *rostered[S]) compare(o *observe.OperationStat) int {
	if c := strings.Compare(e.Name, o.Name); c != 0 {
		return c
	}
	return strings.Compare(string(e.Kind), string(o.Kind))
}

// each calls f for each operation of the sample, and with nil for those that are
// known and not in it: they are idle. New ones are taken in. A sample is sorted, so
// that most are found where the one before ended.
func (r *roster[S]) each(ops []observe.OperationStat, f func(e *rostered[S], o *observe.OperationStat)) {
	at := 0
	for i := range ops {
		o := &ops[i]
		if at >= len(*r) || (*r)[at].compare(o) != 0 {
			found := false
			at, found = slices.BinarySearchFunc(*r, o, func(e rostered[S], o *observe.OperationStat) int { return e.compare(o) })
			if !found {
				if len(*r) >= maxOperations || o.Name == "" || !nameable(o.Name) || !nameable(string(o.Kind)) {
					continue
				}
				*r = slices.Insert(*r, at, rostered[S]{Name: o.Name, Kind: o.Kind})
			}
		}
		e := &(*r)[at]
		if e.Unseen, e.seen = 0, true; e.Domain != o.Domain && nameable(string(o.Domain)) {
			e.Domain = o.Domain
		}
		f(e, o)
		at++
	}
	for i := range *r {
		if e := &(*r)[i]; e.seen {
			e.seen = false
		} else {
			f(e, nil)
		}
	}
}

// nameable reports whether a finding may have the name in it.
func nameable(s string) bool { return len(s) <= maxText && mended(s) == s }

// named returns the operation of a name that is asked of others, and else any of
// the name, or nil.
func (r roster[S]) named(name string) *rostered[S] {
	at, _ := slices.BinarySearchFunc(r, name, func(e rostered[S], name string) int { return strings.Compare(e.Name, name) })
	if at >= len(r) || r[at].Name != name {
		return nil
	}
	for i := at; i < len(r) && r[i].Name == name; i++ {
		if r[i].Kind != observe.Server {
			return &r[i]
		}
	}
	return &r[at]
}

// check reports why a roster that was read cannot be used, or one of its entries.
func (r roster[S]) check(one func(*S) error) error {
	if err := r.ordered(); err != nil {
		return err
	}
	for i := range r {
		if err := one(&r[i].Is); err != nil {
			return &StateError{Field: fmt.Sprintf("operations[%d]", i), Err: fmt.Errorf("%.80q: %w", r[i].Name, err)}
		}
	}
	return nil
}

// ordered reports why a roster that was read cannot be used.
func (r roster[S]) ordered() error {
	if len(r) > maxOperations {
		return &StateError{Field: "operations", Err: fmt.Errorf("%w: %d, at most %d are followed", errMany, len(r), maxOperations)}
	}
	for i := range r {
		if !nameable(r[i].Name) || !nameable(string(r[i].Domain)) {
			return &StateError{Field: fmt.Sprintf("operations[%d].name", i), Err: fmt.Errorf("%.80q is not printable", r[i].Name)}
		}
		if i > 0 && r[i].compare(&observe.OperationStat{Name: r[i-1].Name, Kind: r[i-1].Kind}) <= 0 {
			return &StateError{Field: fmt.Sprintf("operations[%d].name", i), Err: fmt.Errorf("%.80q is %w", r[i].Name, errOrder)}
		}
	}
	return nil
}

// inherited returns what of an earlier process's roster is worth keeping: names
// change with releases, so those that were not used for long are forgotten, and
// some room is left for new ones.
func (r roster[S]) inherited() (out roster[S]) {
	for _, e := range r {
		if e.Unseen++; e.Unseen > 0 && e.Unseen <= maxUnseen && len(out) < maxOperations*3/4 {
			out = append(out, e)
		}
	}
	return out
}
