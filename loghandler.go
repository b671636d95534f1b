package hale

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/hale-go/hale/observe"
)

// LogOption is an option of [LogHandler].
type LogOption func(*logOptions)

type logOptions struct {
	rt     *Runtime
	levels *LogLevels
}

// WithRuntime gives the records to rt, whatever context they have. Without it they go to
// the runtime of their task or span, else to [Default]'s at the time.
func WithRuntime(rt *Runtime) LogOption { return func(o *logOptions) { o.rt = rt } }

// WithLevels leaves out the records that are below the level that l has for them. Make
// next let them all through, by giving it l as its level; see [LogLevels].
func WithLevels(l *LogLevels) LogOption { return func(o *logOptions) { o.levels = l } }

// LogHandler returns a handler that adds to every record the identity that its
// context carries, as far as there is one: task, domain, operation (where its name
// is not the task's), request, user, module, incident, trace_id and span_id. They
// stand at the top of the record, outside any group. Then it gives the record to
// next; nil writes none.
//
// The last records of each task are kept as evidence; see [Runtime.Records]. Each
// record is counted by its form, for the detectors; see [LogConfig]. For both it
// reads the message and the attributes, calls the Error method of errors among them,
// once, and resolves no [slog.LogValuer]. What a ReplaceAttr of next takes out is not
// taken out of the evidence: secrets belong in a LogValuer.
//
// A record at [LevelFatal] is a record like others: neither slog nor hale ever ends
// the process.
//
// It may be used by any number of goroutines, before the runtime is made and after it
// was closed. In a task or span its part of a record takes some 300 ns and, but
// for the first record of each context, no allocation; a derived logger costs its
// attributes once for each context. Outside of them it looks the context up and,
// where there is a runtime, counts.
func LogHandler(next slog.Handler, opts ...LogOption) slog.Handler {
	if next == nil {
		next = slog.DiscardHandler
	}
	h := &logHandler{base: next, plain: next}
	for _, opt := range opts {
		if opt != nil {
			opt(&h.opts)
		}
	}
	return h
}

// logHandler keeps groups to itself, because an attribute that is added later lands
// in the innermost one.
type logHandler struct {
	opts   logOptions
	base   slog.Handler // next, with the attributes that are outside of groups
	groups []logGroup   // open groups, outermost first
	plain  slog.Handler // base with the groups
	said   said         // of the attributes, as evidence
}

// said is what attributes of a logger add to each of its records.
type said struct {
	attrs      []byte
	err, stack string
}

type logGroup struct {
	name  string
	attrs []slog.Attr
}

// with returns the handler that has attributes before all groups.
func (h *logHandler) with(attrs []slog.Attr) slog.Handler {
	next := h.base.WithAttrs(slices.Clone(attrs)) // who is given a slice owns it
	for _, g := range h.groups {
		if next = next.WithGroup(g.name); len(g.attrs) > 0 {
			next = next.WithAttrs(slices.Clone(g.attrs))
		}
	}
	return next
}

// Enabled implements [slog.Handler].
func (h *logHandler) Enabled(ctx context.Context, l slog.Level) bool {
	if h.opts.levels != nil && !h.opts.levels.Enabled(ctx, l) {
		return false
	}
	enabled := h.plain.Enabled(ctx, l)
	if !enabled && h.opts.levels != nil {
		h.leftOut(ctx, l)
	}
	return enabled
}

// leftOut tells once that the handler below is stricter than the levels that are to
// decide.
func (h *logHandler) leftOut(ctx context.Context, l slog.Level) {
	if h.opts.levels.told.Load() {
		return
	}
	v, _ := voiceOf(ctx)
	if rt := h.runtime(v).made(); rt != nil && !h.opts.levels.told.Swap(true) {
		rt.misuse(observe.Subject{Name: "hale.WithLevels"}, fmt.Sprintf("the handler within hale.LogHandler leaves out records of %s, which the levels want: give it the levels as its own, by slog.HandlerOptions.Level", LogLevelName(l)))
	}
}

// runtime returns the runtime that a record goes to, nil for none.
func (h *logHandler) runtime(v *voice) *Runtime {
	switch {
	case h.opts.rt != nil:
		return h.opts.rt
	case v != nil && v.rt != nil:
		return v.rt
	}
	return Default()
}

// WithAttrs implements [slog.Handler].
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	made := *h
	made.said = h.said.with(h.prefix(), attrs)
	if n := len(h.groups); n > 0 {
		made.groups = slices.Clone(h.groups)
		made.groups[n-1].attrs = slices.Concat(made.groups[n-1].attrs, attrs)
	} else {
		made.base = h.base.WithAttrs(slices.Clone(attrs))
	}
	made.plain = h.plain.WithAttrs(attrs)
	return &made
}

// WithGroup implements [slog.Handler].
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	made := *h
	made.groups = append(slices.Clone(h.groups), logGroup{name: name})
	made.plain = h.plain.WithGroup(name)
	return &made
}

// prefix returns what stands before the keys of attributes in evidence.
func (h *logHandler) prefix() (s string) {
	for _, g := range h.groups {
		s += g.name + "."
	}
	return s
}

// Handle implements [slog.Handler].
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	v, fresh := voiceOf(ctx)
	h.observe(v, &r)
	switch {
	case v == nil || len(v.attrs) == 0:
		return h.plain.Handle(ctx, r)
	case fresh && len(h.groups) == 0: // perhaps the only one
		r = r.Clone()
		r.AddAttrs(v.attrs...)
		return h.base.Handle(ctx, r)
	}
	return v.preset(h).Handle(ctx, r)
}

// observe leaves the record with its runtime.
func (h *logHandler) observe(v *voice, r *slog.Record) {
	who := (*speaker)(nil)
	if v != nil {
		if v.own {
			return
		}
		who = v.speaker
	}
	rt := h.runtime(v).made()
	if rt == nil {
		return
	}
	var l logLine
	l.at, l.level, l.message, l.err, l.stack = r.Time, r.Level, r.Message, h.said.err, h.said.stack
	l.attrs.n = copy(l.attrs.text[:], h.said.attrs)
	n, prefix := 0, ""
	if len(h.groups) > 0 {
		prefix = h.prefix()
	}
	r.Attrs(func(a slog.Attr) bool {
		l.add(prefix, &a, 0)
		n++
		return n < maxAttrs
	})
	rt.logs.take(who, &l)
}

// with returns what is said with further attributes.
func (s said) with(prefix string, attrs []slog.Attr) said {
	l := logLine{err: s.err, stack: s.stack}
	l.attrs.n = copy(l.attrs.text[:], s.attrs)
	for i := range attrs[:min(len(attrs), maxAttrs)] {
		l.add(prefix, &attrs[i], 0)
	}
	return said{attrs: bytes.Clone(l.attrs.kept()), err: strings.Clone(head(l.err, maxMessage)), stack: l.stack}
}
