package observe

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// TaskID names one logical goroutine under hale's care. It reads like
// "orders.consume#42": the name of the task and a number that is unique within
// one runtime. The zero value means "no task".
type TaskID struct {
	Name string // Name is what the task was started as, e.g. "orders.consume".
	Seq  uint64 // Seq counts the tasks of one runtime from 1.
}

// ErrBadTaskID is returned by [ParseTaskID] for text that is not a task ID.
var ErrBadTaskID = errors.New("observe: not a task ID")

// ParseTaskID reads what [TaskID.String] wrote. The empty string is the zero
// ID; anything else that is not "name#number" is an error that matches
// [ErrBadTaskID].
func ParseTaskID(s string) (TaskID, error) {
	if s == "" {
		return TaskID{}, nil
	}
	i := strings.LastIndexByte(s, '#')
	if i <= 0 {
		return TaskID{}, fmt.Errorf("%w: %.60q, want name#number", ErrBadTaskID, s)
	}
	n, err := strconv.ParseUint(s[i+1:], 10, 64)
	if err != nil || n == 0 || s[i+1] == '+' {
		return TaskID{}, fmt.Errorf("%w: %.60q, want a number above 0 after the last #", ErrBadTaskID, s)
	}
	return TaskID{Name: s[:i], Seq: n}, nil
}

// String returns "name#number", and "" for the zero ID.
func (id TaskID) String() string {
	if id.IsZero() {
		return ""
	}
	return id.Name + "#" + strconv.FormatUint(id.Seq, 10)
}

// IsZero reports whether id names no task.
func (id TaskID) IsZero() bool { return id.Seq == 0 }

// Compare orders IDs by number, which is the order in which tasks started.
func (id TaskID) Compare(other TaskID) int {
	return cmp.Or(cmp.Compare(id.Seq, other.Seq), cmp.Compare(id.Name, other.Name))
}

// MarshalText implements [encoding.TextMarshaler].
func (id TaskID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (id *TaskID) UnmarshalText(b []byte) error {
	parsed, err := ParseTaskID(string(b))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// Site is a place in the code: where a task is started or where goroutines are
// blocked. Leaks, panics and stuck tasks are grouped by site.
type Site struct {
	Function string `json:"function,omitempty"` // Function is the full name, e.g. "example.com/shop/orders.(*Consumer).Run".
	File     string `json:"file,omitempty"`     // File is the path that the compiler recorded.
	Line     int    `json:"line,omitempty"`     // Line counts from 1; 0 is unknown.
}

// IsZero reports whether the site is unknown.
func (s Site) IsZero() bool { return s.Function == "" }

// String returns the function without the directories of its import path, and
// the base name and line of its file: "orders.(*Consumer).Run consumer.go:81".
func (s Site) String() string {
	if s.IsZero() {
		return ""
	}
	fn := s.Function[strings.LastIndexByte(s.Function, '/')+1:]
	if s.File == "" {
		return fn
	}
	return fn + " " + s.File[strings.LastIndexByte(s.File, '/')+1:] + ":" + strconv.Itoa(s.Line)
}

// Domain is a fault domain (bulkhead): tasks that share limits and fail
// together. Domains nest by dots: "orders.consume" is in "orders".
type Domain string

// DomainOf returns the domain of a task that was given only a name: all before
// the last dot. A name without a dot, and one with a space or a slash, such as a
// route pattern, is a domain of its own.
func DomainOf(name string) Domain {
	if strings.ContainsAny(name, " /") {
		return Domain(name)
	}
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return Domain(name[:i])
	}
	return Domain(name)
}

// Parent returns the domain that d is in, or "" at the top.
func (d Domain) Parent() Domain {
	if i := strings.LastIndexByte(string(d), '.'); i > 0 {
		return d[:i]
	}
	return ""
}

// Contains reports whether other is d or lies within it.
func (d Domain) Contains(other Domain) bool {
	return other == d || (d != "" && len(other) > len(d) && other[len(d)] == '.' && other[:len(d)] == d)
}

// Subject is what a finding, an incident or a remedy is about. The narrowest
// field that is set says which: one task, all tasks of a name, all tasks that
// were started at a site, or a domain. The wider fields are filled in where
// they are known, for the reader.
type Subject struct {
	Task   TaskID `json:"task,omitzero"`
	Name   string `json:"name,omitempty"`
	Site   Site   `json:"site,omitzero"`
	Domain Domain `json:"domain,omitempty"`
}

// IsZero reports whether the subject names nothing.
func (s Subject) IsZero() bool { return s == Subject{} }

// String returns the narrowest part of the subject.
func (s Subject) String() string {
	switch {
	case !s.Task.IsZero():
		return s.Task.String()
	case s.Name != "":
		return s.Name
	case !s.Site.IsZero():
		return s.Site.String()
	default:
		return string(s.Domain)
	}
}
