package hale

import (
	"context"
	"log/slog"
	"slices"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/internal/aside"
	"github.com/hale-go/hale/internal/stack"
	"github.com/hale-go/hale/observe"
)

// LogHandler returns a handler that adds to every record the identity that its
// context carries, as far as there is one: task, domain, request and incident.
// They stand at the top of the record, outside any group. It costs one
// to three allocations for each record in a task, and nothing outside.
func LogHandler(next slog.Handler) slog.Handler { return &logHandler{next: next} }

// logHandler keeps groups to itself, because an attribute that is added to a
// record lands in the innermost one.
type logHandler struct {
	next   slog.Handler
	groups []logGroup // open groups, outermost first
}

type logGroup struct {
	name  string
	attrs []slog.Attr
}

// Enabled implements [slog.Handler].
func (h *logHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// WithAttrs implements [slog.Handler].
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(h.groups) == 0 {
		return &logHandler{next: h.next.WithAttrs(attrs)}
	}
	groups := slices.Clone(h.groups)
	last := &groups[len(groups)-1]
	last.attrs = slices.Concat(last.attrs, attrs)
	return &logHandler{next: h.next, groups: groups}
}

// WithGroup implements [slog.Handler].
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &logHandler{next: h.next, groups: append(slices.Clone(h.groups), logGroup{name: name})}
}

// Handle implements [slog.Handler].
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	ids := identityAttrs(ctx)
	if len(h.groups) == 0 {
		if len(ids) > 0 {
			r = r.Clone()
			r.AddAttrs(ids...)
		}
		return h.next.Handle(ctx, r)
	}
	var attrs []slog.Attr
	r.Attrs(func(a slog.Attr) bool { attrs = append(attrs, a); return true })
	for _, g := range slices.Backward(h.groups) {
		attrs = []slog.Attr{{Key: g.name, Value: slog.GroupValue(slices.Concat(g.attrs, attrs)...)}}
	}
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	out.AddAttrs(ids...)
	out.AddAttrs(attrs...)
	return h.next.Handle(ctx, out)
}

func identityAttrs(ctx context.Context) []slog.Attr {
	if ctx == nil {
		return nil
	}
	id := Identify(ctx)
	if id.ID.IsZero() && id.Request == "" {
		return nil
	}
	attrs := make([]slog.Attr, 0, 4)
	if !id.ID.IsZero() {
		attrs = append(attrs, slog.String("task", id.ID.String()), slog.String("domain", string(id.Domain)))
		if inc := scopeOf(ctx).family().incident.Load(); inc != nil && *inc != "" {
			attrs = append(attrs, slog.String("incident", *inc))
		}
	}
	if id.Request != "" {
		attrs = append(attrs, slog.String("request", id.Request))
	}
	return attrs
}

// loopName is the name of the loop in events.
const loopName = "hale.loop"

func (rt *Runtime) log(level slog.Level, msg string, args ...any) {
	l := rt.opts.logger
	if l == nil {
		l = slog.Default()
	}
	_, _ = aside.Call(0, nil, func() bool { // a logger that panics or exits must not stop the loop
		l.Log(context.Background(), level, msg, args...)
		return true
	})
}

// maxShown is of how many panics the stack is logged, with other things that are
// logged once each.
const maxShown = 256

// showPanic logs the first panic of each fingerprint with its stack: most of what
// panics under hale has nobody who waits for its error.
func (rt *Runtime) showPanic(e observe.Event, trace stack.Trace) {
	if _, known := rt.shown[e.Fingerprint]; known || len(rt.shown) >= maxShown {
		return
	}
	if rt.shown == nil {
		rt.shown = map[string]struct{}{}
	}
	rt.shown[e.Fingerprint] = struct{}{}
	args := []any{"task", e.Subject.Task.String(), "panic", e.Detail, "fingerprint", e.Fingerprint, "stack", trace.String()}
	if e.Request != "" {
		args = append(args, "request", e.Request)
	}
	rt.log(slog.LevelWarn, "panic contained", args...)
}

// logSignals logs what no incident tells of. That the loop broke is logged as it
// happens.
func (rt *Runtime) logSignals(events []observe.Event) {
	for _, e := range events {
		switch e.Kind {
		case observe.EventMisuse, observe.EventFailed, observe.EventAbandoned:
			rt.logEvent(e)
		case observe.EventObserverDown:
			if e.Subject.Name != loopName {
				rt.logEvent(e)
			}
		}
	}
}

// logLast logs what came after the last turn, before the runtime is gone. It waits
// neither for a turn that hangs nor for a logger.
func (rt *Runtime) logLast() {
	_, _ = aside.Call(closePatience, &hung, func() bool {
		if !rt.turnMu.TryLock() {
			return false
		}
		defer rt.turnMu.Unlock()
		events, _ := rt.inbox.take(rt.showPanic)
		rt.logSignals(events)
		return true
	})
}

// logOnce logs the first event of its kind and text about a name.
func (rt *Runtime) logOnce(e observe.Event, msg string) {
	key := string(e.Kind) + "\x00" + e.Subject.Name + "\x00" + e.Detail
	if _, known := rt.shown[key]; known || len(rt.shown) >= maxShown {
		return
	}
	if rt.shown == nil {
		rt.shown = map[string]struct{}{}
	}
	rt.shown[key] = struct{}{}
	rt.log(slog.LevelWarn, msg, "task", e.Subject.Task.String(), "detail", e.Detail)
}

// logEvent logs what an operator wants to read: incidents, and hale's own
// troubles.
func (rt *Runtime) logEvent(e observe.Event) {
	switch e.Kind {
	case observe.EventIncident:
		level := slog.LevelWarn
		switch diagnose.Phase(e.Phase) {
		case diagnose.Detected, diagnose.Dismissed, diagnose.Verified: // a suspicion, or good news
			level = slog.LevelInfo
		case diagnose.Escalated: // a person is needed
			level = slog.LevelError
		}
		rt.log(level, "incident "+e.Phase, "incident", e.Incident, "subject", e.Subject.String(), "detail", e.Detail)
	case observe.EventFailed:
		rt.logOnce(e, "a supervised task failed and is started again")
	case observe.EventAbandoned:
		rt.logOnce(e, "a body that ignores its cancellation was abandoned")
	case observe.EventObserverDown:
		rt.log(slog.LevelError, e.Subject.Name+" broke and starts afresh", "detail", e.Detail)
	case observe.EventMisuse:
		rt.log(slog.LevelWarn, "hale was misused", "name", e.Subject.Name, "detail", e.Detail)
	case observe.EventDetectorDisabled, observe.EventDetectorGarbage:
		rt.log(slog.LevelWarn, string(e.Kind), "detector", e.Subject.Name, "detail", e.Detail)
	}
}
