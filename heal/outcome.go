package heal

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// outcome is what became of a command: its result, and in words what there is to
// say of it.
type outcome struct{ result, detail string }

// outcomeOf tells by a remedy's error. An error whose methods panic says only
// that the remedy failed.
func outcomeOf(err error) (out outcome) {
	if err == nil {
		return outcome{result: ResultApplied}
	}
	out = outcome{ResultFailed, text(err)}
	defer func() { _ = recover() }() // of Is, As or Unwrap
	switch {
	case errors.Is(err, ErrGone):
		return outcome{result: ResultGone}
	case errors.Is(err, ErrNotApplicable):
		out.result = ResultNotApplicable
	}
	return out
}

// maxText bounds the bytes of an error's text: it goes into events, the journal
// and recordings.
const maxText = 400

// text returns an error's text so that it comes out of a recording as it went
// in: valid UTF-8, printable, and cut between characters.
func text(err error) (s string) {
	defer func() {
		if v := recover(); v != nil {
			s = fmt.Sprintf("the text of an error of type %T is not known: its Error panicked", err)
		}
	}()
	s = err.Error()
	if len(s) > maxText {
		n := maxText
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, s)
}
