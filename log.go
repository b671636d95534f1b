package hale

import (
	"log/slog"
	"slices"
	"time"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/internal/aside"
	"github.com/hale-go/hale/internal/stack"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// loopName is the name of the loop in events.
const loopName = "hale.loop"

func (rt *Runtime) log(level slog.Level, msg string, args ...any) {
	l := rt.opts.logger
	if l == nil {
		l = slog.Default()
	}
	rt.logs.muted.Add(1) // of a logger that hangs nobody is told, for the loop hangs with it
	defer rt.logs.muted.Add(-1)
	_, _ = aside.Call(0, nil, func() bool { // a logger that panics or exits must not stop the loop
		l.Log(ownContext, level, msg, args...)
		return true
	})
}

// maxShown is of how many panics the stack is logged, with other things that are
// logged once each.
const maxShown = 256

// maxChanges is of how many changes of switches a turn logs each.
const maxChanges = 100

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
	changes := 0
	for _, e := range events {
		switch e.Kind {
		case observe.EventMisuse, observe.EventFailed, observe.EventAbandoned, observe.EventReconfigured, observe.EventBreaker:
			rt.logEvent(e)
		case observe.EventHeartbeatMissed, observe.EventBudget:
			if e.Replacing { // else nothing of it is seen of a run that ends when it is told to
				rt.logEvent(e)
			}
		case observe.EventDegraded, observe.EventRestored:
			if changes++; changes <= maxChanges {
				rt.logEvent(e)
			}
		case observe.EventObserverDown:
			if e.Subject.Name != loopName {
				rt.logEvent(e)
			}
		}
	}
	if changes > maxChanges {
		rt.log(slog.LevelWarn, "switches change all the time", "changes", changes, "logged", maxChanges)
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
		rt.logIncident(e)
	case observe.EventFailed:
		rt.logOnce(e, "a supervised task failed and is started again")
	case observe.EventHeartbeatMissed, observe.EventBudget:
		rt.logOnce(e, "a supervised task is late and is told to end, to be started again")
	case observe.EventAbandoned:
		rt.logOnce(e, "a body that ignores its cancellation was abandoned")
	case observe.EventObserverDown:
		rt.log(slog.LevelError, e.Subject.Name+" broke and starts afresh", "detail", e.Detail)
	case observe.EventMisuse:
		rt.log(slog.LevelWarn, "hale was misused", "name", e.Subject.Name, "detail", e.Detail)
	case observe.EventDegraded:
		rt.log(slog.LevelWarn, "degraded", "switch", e.Subject.Name, "detail", e.Detail)
	case observe.EventRestored:
		rt.log(slog.LevelInfo, "restored", "switch", e.Subject.Name, "detail", e.Detail)
	case observe.EventBreaker:
		level := slog.LevelInfo
		if e.Breaker == isolate.Open.String() {
			level = slog.LevelWarn
		}
		rt.log(level, "breaker "+e.Breaker, "name", e.Subject.Name, "domain", string(e.Subject.Domain), "detail", e.Detail)
	case observe.EventDetectorDisabled, observe.EventDetectorGarbage:
		rt.log(slog.LevelWarn, string(e.Kind), "detector", e.Subject.Name, "detail", e.Detail)
	case observe.EventReconfigured:
		rt.log(slog.LevelInfo, "hale has other settings", "detail", e.Detail)
	}
}

// logIncident logs a step of an incident. Whoever is called finds in the one record
// what is wrong, how bad it was, and a request to look at.
func (rt *Runtime) logIncident(e observe.Event) {
	level := slog.LevelWarn
	args := []any{"incident", e.Incident, "subject", e.Subject.String(), "detail", e.Detail}
	switch diagnose.Phase(e.Phase) {
	case diagnose.Detected, diagnose.Dismissed, diagnose.Verified: // a suspicion, or good news
		level = slog.LevelInfo
	case diagnose.Diagnosed:
		args = append(args, rt.failedTrace(e.Subject.Name)...)
	case diagnose.Escalated: // a person is needed
		level = slog.LevelError
		if p := rt.published.Load(); p != nil {
			if i := slices.IndexFunc(p.incidents, func(i diagnose.Incident) bool { return i.ID == e.Incident }); i >= 0 {
				inc := &p.incidents[i]
				args = append(args, "root", inc.Root)
				if called := inc.At(diagnose.Escalated); called.Before(e.Time) && !called.IsZero() {
					level = slog.LevelWarn // they have been called; this is how it goes on
				}
			}
		}
		args = append(args, rt.failedTrace(e.Subject.Name)...)
	}
	rt.log(level, "incident "+e.Phase, args...)
}

// failedTrace returns the trace of a span of that name that failed of late, as
// attributes, none where none is known.
func (rt *Runtime) failedTrace(name string) []any {
	for _, kind := range []observe.OperationKind{observe.Server, observe.Client, observe.Internal} {
		o, ok := rt.ops.table.Load(operationKey{kind, name})
		if !ok {
			continue
		}
		if f := o.(*Operation).lastFailed.Load(); f != nil && time.Since(f.at) < 5*time.Minute {
			return []any{"trace_id", f.trace.Trace()}
		}
	}
	return nil
}
