package halezap

import (
	"context"
	"log/slog"
	"slices"

	"go.uber.org/zap/zapcore"

	"github.com/hale-go/hale"
)

// Option is an option of [NewCore].
type Option func(*core)

// WithRuntime gives the records to rt, whatever context they have. Without it they go to the
// runtime of their task or span, else to [hale.Default]'s at the time.
func WithRuntime(rt *hale.Runtime) Option { return func(c *core) { c.rt = rt } }

// WithLevels leaves out the records that are below the level that l has for them. Zap asks
// before it knows the fields of a record: the domain counts where the logger was given
// its context by With. Make next let all through, with [zapcore.DebugLevel].
func WithLevels(l *hale.LogLevels) Option { return func(c *core) { c.levels = l } }

// NewCore returns a core that shows hale the records that next takes, and gives them
// to next unchanged: the identity of a record is in its [Context], whatever the core.
// A nil next takes none. Zap's samplers belong below it, so that hale counts what is written. It is safe for
// concurrent use as next is.
//
// What zap does after a record at FatalLevel or PanicLevel it does as without hale,
// after hale has seen the record. Hale never ends the process. Zap's own stack of an
// error record, that of AddStacktrace, is not looked at: it is that of the log call
// and not of a panic.
func NewCore(next zapcore.Core, opts ...Option) zapcore.Core {
	if next == nil {
		next = zapcore.NewNopCore()
	}
	c := &core{Core: next}
	for _, opt := range opts {
		if opt != nil {
			opt(c)
		}
	}
	return c
}

type core struct {
	zapcore.Core
	rt     *hale.Runtime
	levels *hale.LogLevels
	ctx    context.Context // of With, nil without
	attrs  []slog.Attr     // of the fields of With
	prefix string          // of the namespaces opened there
}

// Enabled implements [zapcore.LevelEnabler].
func (c *core) Enabled(l zapcore.Level) bool { return c.wanted(l) && c.Core.Enabled(l) }

func (c *core) wanted(l zapcore.Level) bool {
	return c.levels == nil || c.levels.Enabled(c.ctx, levelOf(l))
}

// With implements [zapcore.Core].
func (c *core) With(fields []zapcore.Field) zapcore.Core {
	made := *c
	made.Core = c.Core.With(fields)
	made.attrs = slices.Clone(c.attrs)
	made.ctx, made.prefix = convert(fields, c.ctx, c.prefix, func(a slog.Attr) {
		if len(made.attrs) < maxAttrs {
			made.attrs = append(made.attrs, a)
		}
	})
	return &made
}

// Check implements [zapcore.Core]. Next decides for itself, as within a Tee.
func (c *core) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(e.Level) {
		return ce
	}
	taken := c.Core.Check(e, nil) // on its own, or nobody could say whether it takes the record
	switch {
	case taken == nil:
		return ce
	case ce == nil:
		return taken.AddCore(e, (*seen)(c))
	}
	return ce.AddCore(e, &passed{seen: (*seen)(c), taken: taken})
}

// passed writes a record that next took beside what other cores did.
type passed struct {
	*seen
	taken *zapcore.CheckedEntry
}

// Write writes and shows hale the record.
func (p *passed) Write(e zapcore.Entry, fields []zapcore.Field) error {
	p.taken.Entry = e // with the caller and the stack, which are added last
	p.taken.Write(fields...)
	return p.seen.Write(e, fields)
}

// Write implements [zapcore.Core], for cores around this one that do not ask Check.
func (c *core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	c.observe(e, fields)
	return c.Core.Write(e, fields)
}

// seen is a core beside next, which is asked on its own.
type seen core

// Write shows hale a record that next takes.
func (s *seen) Write(e zapcore.Entry, fields []zapcore.Field) error {
	(*core)(s).observe(e, fields)
	return nil
}

// Sync has nothing to do: next is asked on its own.
func (s *seen) Sync() error { return nil }

func (c *core) observe(e zapcore.Entry, fields []zapcore.Field) {
	r := slog.NewRecord(e.Time, levelOf(e.Level), e.Message, 0)
	r.AddAttrs(c.attrs...)
	n := 0
	ctx, _ := convert(fields, c.ctx, c.prefix, func(a slog.Attr) {
		if n++; n <= maxAttrs {
			r.AddAttrs(a)
		}
	})
	c.rt.ObserveRecord(ctx, r)
}
