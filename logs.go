package hale

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/internal/template"
	"github.com/hale-go/hale/observe"
)

// logs is what a runtime knows of the log records of its service.
type logs struct {
	evidence evidence
	counts   logCounts
	muted    atomic.Int64 // hale itself is logging
}

func newLogs(c LogConfig) *logs {
	g := &logs{counts: logCounts{known: map[countKey]*logCount{}, forms: template.New()}}
	g.evidence.keep.Store(int32(max(c.Keep, 0))) // at most 64
	patterns, _ := compilePatterns(c.Patterns)   // which were tried when the settings were
	g.counts.patterns.Store(&patterns)
	return g
}

// reconfigure changes the settings while records come.
func (g *logs) reconfigure(was, now LogConfig) {
	g.evidence.keep.Store(int32(max(now.Keep, 0)))
	if !slices.Equal(was.Patterns, now.Patterns) {
		patterns, _ := compilePatterns(now.Patterns)
		g.counts.lookFor(patterns)
	}
}

// take keeps and counts a record.
func (g *logs) take(who *speaker, l *logLine) {
	if len(l.message) >= leastStack {
		l.trace(l.message)
	}
	l.message, l.err = head(l.message, maxMessage), head(l.err, maxMessage)
	g.evidence.keepLine(who, l)
	g.counts.add(who, l)
}

// ObserveRecord gives hale a record of a logging library other than log/slog, as
// [LogHandler] does: it is kept as evidence and counted for the detectors. It is for
// adapters; package halezap is one. Who wrote it is read from ctx, which may be nil. On
// a nil Runtime it goes to that of ctx's task or span, else to [Default]'s. It may be
// called from any goroutine, and keeps nothing of r but copies of short texts.
func (rt *Runtime) ObserveRecord(ctx context.Context, r slog.Record) {
	v, _ := voiceOf(ctx)
	h := logHandler{opts: logOptions{rt: rt}}
	h.observe(v, &r)
}

// Records returns the last log records of a task that are kept, oldest first: at most
// [LogConfig].Keep, of the last thousand or so tasks that logged, whether they have
// ended or not.
func (rt *Runtime) Records(id observe.TaskID) []observe.Record {
	if rt = rt.made(); rt == nil || id.IsZero() {
		return nil
	}
	return rt.logs.evidence.ofTask(id)
}

// RecordsOf returns the last log records of all tasks and operations of a name that
// are kept, oldest first, at most [LogConfig].Keep. Those at WARN and above are kept
// for each name, whatever else its tasks log. It looks through all that is kept, in
// less than a millisecond.
func (rt *Runtime) RecordsOf(name string) []observe.Record {
	if rt = rt.made(); rt == nil || name == "" {
		return nil
	}
	return rt.logs.evidence.ofName(name)
}

// RecordsAbout returns the last log records of what an incident is about, oldest
// first: of its task, if these are still kept, else of its name. Ask while the
// incident is open: records make room for later ones.
func (rt *Runtime) RecordsAbout(inc diagnose.Incident) []observe.Record {
	if out := rt.Records(inc.Subject.Task); len(out) > 0 {
		return out
	}
	return rt.RecordsOf(inc.Subject.Name)
}

// IdentityAttrs returns the identity that [LogHandler] adds to the records of ctx, for
// adapters; nil outside of any. They must not be changed. It takes some 50 ns but for
// the first time with a context.
func IdentityAttrs(ctx context.Context) []slog.Attr {
	if v, _ := voiceOf(ctx); v != nil {
		return v.attrs
	}
	return nil
}
