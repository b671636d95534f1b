package hale

import (
	"context"
	"reflect"
	"strings"

	"github.com/hale-go/hale/observe"
)

// Types of errors that have a name of their own.
const (
	errorCanceled = "canceled"
	errorTimeout  = "timeout"
	errorPanic    = "panic"
)

// ErrorType returns in one word what kind of error err is, for counting: "" for
// nil, "canceled", "timeout", "panic", what its method ErrorType() string says, or
// the Go type of the outermost error that has one of its own, such as "net.OpError". An error of the plain
// kind that [errors.New] and [fmt.Errorf] make has the type "error". It never panics.
func ErrorType(err error) (name string) {
	defer func() {
		if recover() != nil { // an error's own methods
			name = "error"
		}
	}()
	if err == nil {
		return ""
	}
	if typed, ok := find[interface {
		error
		ErrorType() string
	}](err); ok {
		return typed.ErrorType()
	}
	if _, ok := find[*PanicError](err); ok {
		return errorPanic
	}
	timedOut := func(e error) bool {
		t, ok := e.(interface{ Timeout() bool })
		return ok && t.Timeout()
	}
	switch {
	case matches(err, ErrBudget), search(err, timedOut): // DeadlineExceeded among them
		return errorTimeout
	case matches(err, context.Canceled):
		return errorCanceled
	}
	name = "error"
	search(err, func(e error) bool { // the outermost that says something
		switch n := strings.TrimPrefix(reflect.TypeOf(e).String(), "*"); n {
		case "errors.errorString", "fmt.wrapError", "fmt.wrapErrors", "errors.joinError", "hale.TaskError":
			return false
		default:
			name = n
			return true
		}
	})
	return name
}

// ReportError counts a business error where ctx is: in its span's operation, or else
// in its task's name. It is for what is wrong for the user and ends no span as a
// failure: a payment that was declined, stock that ran out. Its type is what
// [ErrorType] says of err; a nil err counts nothing.
func ReportError(ctx context.Context, err error) { ReportErrorAs(ctx, err, ErrorType(err)) }

// ReportErrorAs is ReportError for an error whose type is known better here: one of
// few words, such as "declined". "" takes that of err.
func ReportErrorAs(ctx context.Context, err error, errorType string) {
	if err == nil {
		return
	}
	if errorType == "" {
		errorType = ErrorType(err)
	}
	if s := SpanOf(ctx); s != nil {
		s.Operation().Report(errorType)
		return
	}
	rt := runtimeOf(ctx).made()
	if rt == nil {
		return
	}
	name := Identify(ctx).Name
	if name == "" {
		name = "business"
	}
	rt.Operation(observe.Internal, name, "").Report(errorType)
}

// Report counts a business error of a type, which is one of few words.
func (o *Operation) Report(errorType string) {
	if o = o.made(); o == nil {
		return
	}
	o.reported.at(errorType, true, &o.rt.ops.unseen).count.Add(1)
}
