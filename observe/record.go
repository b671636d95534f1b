package observe

import "time"

// Record is a log record, as hale keeps it for evidence.
type Record struct {
	Time    time.Time `json:"time"`
	Level   int       `json:"level"` // as in log/slog: 0 is INFO, 8 is ERROR
	Message string    `json:"message"`
	Attrs   string    `json:"attrs,omitempty"` // key=value …, for people; never parsed

	// Who wrote it, as far as the context of the record told.
	Task      TaskID `json:"task,omitzero"`
	Operation string `json:"operation,omitempty"` // that of the span, unless it is named as the task is
	Request   string `json:"request,omitempty"`
	Trace     string `json:"trace,omitempty"` // in lower-case hexadecimal
}
