package config

import (
	"errors"
	"fmt"
	"strings"
)

// Error is one mistake in a file of settings: where it is, what is wrong, and how to
// mend it. [hale.Hint] gives the mend too.
type Error struct {
	File   string // File is the name that was given for the file.
	Line   int    // Line counts from 1; 0: the mistake is about the whole file.
	Column int    // Column counts characters from 1.
	// Path leads to the key, such as $.domains.payments.breaker.failures. Keys that
	// have other characters than letters, digits, - and _ are in single quotes.
	Path  string
	Value any    // Value is what is there, nil where that says nothing.
	Err   error  // Err is what is wrong with it.
	Mend  string // Mend is what to write instead.
}

// Error reads like "hale.yaml:12:5: domains.payments.breaker.failurs: unknown key".
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	var s strings.Builder
	s.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&s, ":%d:%d", e.Line, e.Column)
	}
	if path := strings.TrimPrefix(e.Path, "$."); path != "" && path != "$" {
		s.WriteString(": " + path)
	}
	fmt.Fprintf(&s, ": %v", e.Err)
	return s.String()
}

// Unwrap returns what is wrong: a [*hale.ConfigError] or a [*heal.PolicyError] for a
// value that hale cannot use, an error of the system for a file that cannot be read.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Hint returns the mend.
func (e *Error) Hint() string {
	if e == nil {
		return ""
	}
	return e.Mend
}

// said is an error with a text of its own, for those whose text names Go fields.
type said struct {
	text string
	err  error
}

func (s said) Error() string { return s.text }
func (s said) Unwrap() error { return s.err }

// maxErrors is how many mistakes of one file are told.
const maxErrors = 20

// mistakes collects what is wrong with a file, in the order of its lines.
type mistakes struct {
	list []error
	more int
}

func (m *mistakes) add(e *Error) {
	if len(m.list) == maxErrors {
		m.more++
		return
	}
	m.list = append(m.list, e)
}

// err returns all of them, a single one as it is.
func (m *mistakes) err() error {
	switch {
	case len(m.list) == 0:
		return nil
	case len(m.list) == 1:
		return m.list[0]
	case m.more > 0:
		return errors.Join(append(m.list, fmt.Errorf("and %d more", m.more))...)
	}
	return errors.Join(m.list...)
}
