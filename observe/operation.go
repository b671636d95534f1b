package observe

import "time"

// OperationKind says on which side of a call an operation stands.
type OperationKind string

// The kinds of operation.
const (
	Server   OperationKind = "server"   // answers somebody else's requests
	Client   OperationKind = "client"   // asks another service, or a database
	Internal OperationKind = "internal" // within the service
)

// OperationStat is what one operation did since the last sample: an HTTP route, a
// call of another service, a kind of database statement. Each time that it is done
// is a span.
type OperationStat struct {
	Name   string        `json:"name"` // Name is bounded: a route pattern, never a path.
	Kind   OperationKind `json:"kind"`
	Domain Domain        `json:"domain"`

	Started  uint64 `json:"started,omitempty"`
	Ended    uint64 `json:"ended,omitempty"`
	InFlight int64  `json:"in_flight,omitempty"` // now

	// Waiting[i] is how many of those in flight began at least 1<<i seconds ago, to
	// a second; those of more than a minute count in the last, Waiting[6].
	Waiting []uint32 `json:"waiting,omitempty"`

	// Failed of those that ended did so with a failure, and Inherited of these after
	// a span that they called had failed: the error comes from there.
	Failed    uint64 `json:"failed,omitempty"`
	Inherited uint64 `json:"inherited,omitempty"`
	// Outlived ended after the span that had called them.
	Outlived uint64 `json:"outlived,omitempty"`

	Latency Histogram     `json:"latency,omitempty"` // of those that ended
	Time    time.Duration `json:"time,omitempty"`    // sum of that
	Below   time.Duration `json:"below,omitempty"`   // part of Time that spans took which they called; at most Time

	Outcomes []Outcome `json:"outcomes,omitempty"` // how they ended; sorted by name
	Reported []Outcome `json:"reported,omitempty"` // business errors that were reported while they ran; sorted by name
	Calls    []Call    `json:"calls,omitempty"`    // what they called; sorted by name
}

// Outcome is how often spans ended in one way: a status such as "200", the type
// of an error such as "timeout". Their number is bounded; "other" stands for the
// rest.
type Outcome struct {
	Name   string `json:"name"`
	Count  uint64 `json:"n"`
	Failed bool   `json:"failed,omitempty"` // it counts as a failure
}

// Call is what spans of one operation called of another.
type Call struct {
	Name   string        `json:"name"` // the operation that was called
	Count  uint64        `json:"n"`    // calls that ended
	Failed uint64        `json:"failed,omitempty"`
	Time   time.Duration `json:"time"`
}

// LogStat counts the log records of one form since the last sample.
type LogStat struct {
	// Form is the record's message with "<*>" for what varies, printable and of at
	// most 200 bytes. One that stands for many is "other".
	Form  string `json:"form"`
	Level int    `json:"level"` // as in log/slog: 0 is INFO, 8 is ERROR
	// Name is that of the task or of the operation that wrote them; "" outside any.
	Name   string `json:"name,omitempty"`
	Domain Domain `json:"domain,omitempty"`

	Count uint64 `json:"n"`
	// Patterns are the configured patterns that the form matches.
	Patterns []string `json:"patterns,omitempty"`
	// Stack is the fingerprint of the panic's or goroutine's stack in the record.
	Stack string `json:"stack,omitempty"`
}

// Reading is the value of one metric that the service gave; see [Sample].
type Reading struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"` // finite
}
