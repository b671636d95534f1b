package run

import (
	"io"
	"io/fs"
	"time"
)

// NewSink is what incidents go through.
func NewSink(to io.Writer, failed func(error)) (write func([]byte), done func()) {
	s := newSink(to, missingIncidents, failed)
	return func(p []byte) { _, _ = s.Write(p) }, s.close
}

// ParseMessage is what reads the messages of services.
func ParseMessage(text string) (texts []string, times []int64) {
	m := parseMessage(text)
	return []string{m.status, m.handover}, []int64{int64(m.extend), int64(m.watchdog)}
}

// ParseAnswer is what reads the answers of "hale run".
func ParseAnswer(line string) (kind, text string, ok bool) {
	a, ok := parseAnswer(line)
	return a.kind, a.text, ok
}

// Timeouts are the defaults of how long a service may take to end, and to be ready.
func Timeouts() (stop, ready time.Duration, err error) {
	c, err := Config{Command: []string{"x"}}.withDefaults()
	return c.StopTimeout, c.ReadyTimeout, err
}

// SetHost has the kernel's files be others, and returns what undoes that.
func SetHost(host fs.FS) (undo func()) {
	was := hostFS
	hostFS = host
	return func() { hostFS = was }
}

// OOMKills is how many were killed for want of memory.
var OOMKills = oomKills
