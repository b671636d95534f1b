package haleotel

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// Keys and names of the semantic conventions for exceptions and errors. They are
// stable, unlike the package that has them, whose path changes with each version.
const (
	errorTypeKey     = attribute.Key("error.type")
	exceptionEvent   = "exception"
	exceptionType    = attribute.Key("exception.type")
	exceptionMessage = attribute.Key("exception.message")
	exceptionStack   = attribute.Key("exception.stacktrace")
)

// describe tells on a span which task it is of.
func describe(span trace.Span, id observe.TaskID, domain observe.Domain) {
	if span.IsRecording() {
		span.SetAttributes(taskKey.String(id.String()), domainKey.String(string(domain)))
	}
}

// end ends a span and tells how that went.
func end(span trace.Span, outcome string, failed bool, err error) {
	defer span.End() // also where the error's own methods panic
	if !span.IsRecording() || (err == nil && outcome == "ok") {
		return
	}
	if failed {
		span.SetStatus(codes.Error, outcome)
		span.SetAttributes(errorTypeKey.String(outcome))
	} else {
		span.SetAttributes(outcomeKey.String(outcome))
	}
	record(span, err)
}

// record adds an error to a span as an exception event.
func record(span trace.Span, err error) {
	if err == nil || !span.IsRecording() {
		return
	}
	if t, ok := err.(*hale.TaskError); ok { //nolint:errorlint // one of another task is in what this one returned
		err = t.Err
	}
	p, ok := err.(*hale.PanicError) //nolint:errorlint // likewise
	if !ok {
		span.RecordError(err)
		return
	}
	span.AddEvent(exceptionEvent, trace.WithAttributes(
		exceptionType.String("panic"), exceptionMessage.String(p.Error()), exceptionStack.String(p.Stack()),
	))
}
