package halesql

import (
	"errors"
	"strings"
)

// stateOf returns the SQLSTATE that the driver's error has, "" if it has none. Drivers
// for PostgreSQL tell it by a method, those of pgx and lib/pq among them. Codes are five
// digits or capital letters (ISO/IEC 9075-2, 24.1); anything else is no code and must
// not become a name.
func stateOf(err error) (code string) {
	defer func() {
		if recover() != nil { // an error's own methods
			code = ""
		}
	}()
	var with interface {
		error
		SQLState() string
	}
	if !errors.As(err, &with) {
		return ""
	}
	code = with.SQLState()
	if len(code) != 5 || strings.Trim(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return ""
	}
	return code
}

// ofCaller reports whether an error of that SQLSTATE is the fault of what the statement
// was given: class 23, a constraint that it would violate. The database did its work.
// What is not clearly so is a failure: syntax and missing tables are the service's own
// fault, and in a deadlock (40P01) nobody's work is done.
func ofCaller(code string) bool { return strings.HasPrefix(code, "23") }

// stated is a driver's error with its SQLSTATE as the type that it is counted under,
// see [hale.ErrorType]. Only hale sees it.
type stated struct {
	error
	outcome string
}

func (s stated) ErrorType() string { return s.outcome }

func (s stated) Unwrap() error { return s.error }
