package hale

import (
	"context"
	"encoding/hex"
	"hash/maphash"
	"log/slog"
	"strconv"
	"sync/atomic"

	"github.com/hale-go/hale/observe"
)

// voice is the identity that the log records of one context bear. It is made with
// the first record and kept in the context, so that the others find it ready.
type voice struct {
	speaker *speaker
	rt      *Runtime    // nil: whatever the default is
	own     bool        // it is hale itself that speaks
	attrs   []slog.Attr // a part of room
	presets atomic.Pointer[preset]

	family   *family  // of the task, nil outside of any
	incident *string  // as it was
	tracer   *tracing // who has to be asked where in a trace a record is
	trace    observe.TraceContext

	room [9]slog.Attr
}

// speaker is what is kept of it with the records: nothing of the service's own
// but short texts.
type speaker struct {
	task           observe.TaskID
	domain         observe.Domain
	operation      string // "" where it is the task's name
	request, trace string
	module         string
	hash           uint64 // of the name and the domain
}

// name is what records are counted by: that of the task or, outside of any, of the
// operation.
func (s *speaker) name() string {
	if s == nil {
		return ""
	}
	if s.task.IsZero() {
		return s.operation
	}
	return s.task.Name
}

func speakerHash(name string, domain observe.Domain) uint64 {
	return mix(maphash.String(seed, name), maphash.String(seed, string(domain)))
}

// preset is a handler that has a voice's attributes in it already.
type preset struct {
	of    *logHandler
	next  slog.Handler
	older *preset
}

// maxPresets is for how many loggers of a context they are kept.
const maxPresets = 4

// ownKey marks the context of hale's own records.
type ownKey struct{}

// ownContext is what hale's own records are logged with: they are not looked at, or
// what hale says of an incident would become one.
var ownContext = carry(context.Background(), ownKey{}, nil)

// voiceOf returns the voice of ctx, nil outside of any task, span and request, and
// whether it was made now.
func voiceOf(ctx context.Context) (v *voice, fresh bool) {
	if ctx == nil {
		return nil, false
	}
	var in any = ctx
	if _, at := ctx.(*carrier); !at { // mostly it is one, and need not be asked
		in = valueOf(ctx, voiceKey{})
	}
	switch in := in.(type) {
	case *carrier:
		if v = in.voice.Load(); v == nil || !v.stands(ctx) {
			v, fresh = newVoice(ctx), true
			v.own = in.key == ownKey{}
			in.voice.Store(v)
		}
	case *scope:
		if x := in.extra.Load(); x != nil {
			v = x.voice.Load()
		}
		if v == nil || !v.stands(ctx) {
			v, fresh = newVoice(ctx), true
			in.extend().voice.Store(v)
		}
	default: // perhaps in a span of the tracer's that is not hale's
		if rt := Default(); rt != nil {
			if t := rt.tracer(); t != nil && !t.trace(ctx).IsZero() {
				return newVoice(ctx), true
			}
		}
	}
	return v, fresh
}

// stands reports whether the voice is still what newVoice would return.
func (v *voice) stands(ctx context.Context) bool {
	if v.family != nil && v.family.incident.Load() != v.incident {
		return false
	}
	if v.tracer == nil || v.tracer.gone.Load() {
		return true
	}
	t := v.tracer.trace(ctx)
	return t.TraceID == v.trace.TraceID && t.SpanID == v.trace.SpanID
}

func newVoice(ctx context.Context) *voice {
	v, who := &voice{}, &speaker{}
	v.speaker = who
	span := SpanOf(ctx)
	if s := scopeOf(ctx); s != nil {
		v.family = s.family()
		if v.family != nil {
			v.rt, v.incident = v.family.rt, v.family.incident.Load()
			who.task, who.domain = s.id(), v.family.domain
		}
	}
	if span != nil {
		if who.operation = span.Operation().name; who.operation == who.task.Name {
			who.operation = ""
		}
		if v.family == nil {
			v.rt, who.domain = span.Operation().rt, span.Operation().domain
		}
	}
	rt := v.rt
	if rt == nil {
		rt = Default()
	}
	switch {
	case rt != nil && rt.tracer() != nil:
		v.tracer = rt.tracing
		v.trace = v.tracer.trace(ctx)
	case span != nil:
		v.trace = span.Trace()
	default:
		v.trace, _ = valueOf(ctx, traceKey{}).(observe.TraceContext)
	}
	who.request, who.module = textOf(ctx, requestKey{}), textOf(ctx, moduleKey{})
	v.attrs = v.describe(textOf(ctx, userKey{}))
	who.hash = speakerHash(who.name(), who.domain)
	return v
}

// describe returns the attributes. The texts that have to be made are made in one.
func (v *voice) describe(user string) []slog.Attr {
	who := v.speaker
	var buf [maxName + 21 + 48]byte
	b := buf[:0]
	if !who.task.IsZero() {
		b = append(append(b, who.task.Name...), '#')
		b = strconv.AppendUint(b, who.task.Seq, 10)
	}
	task := len(b)
	if !v.trace.IsZero() {
		b = hex.AppendEncode(b, v.trace.TraceID[:])
		b = hex.AppendEncode(b, v.trace.SpanID[:])
	}
	text := string(b)
	attrs := v.room[:0]
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("task", text[:task])
	add("domain", string(who.domain))
	add("operation", who.operation)
	add("request", who.request)
	add("user", user)
	add("module", who.module)
	if v.incident != nil {
		add("incident", *v.incident)
	}
	if len(text) > task {
		who.trace = text[task : task+32]
		add("trace_id", who.trace)
		if v.trace.SpanID != [8]byte{} {
			add("span_id", text[task+32:])
		}
	}
	return attrs
}

// preset returns the handler that has the voice's attributes in it.
func (v *voice) preset(h *logHandler) slog.Handler {
	if p := v.presets.Load(); p != nil && p.of == h {
		return p.next
	}
	return v.older(h)
}

func (v *voice) older(h *logHandler) slog.Handler {
	n, first := 0, v.presets.Load()
	for p := first; p != nil; p = p.older {
		if p.of == h {
			return p.next
		}
		n++
	}
	if n >= maxPresets {
		first = nil
	}
	p := &preset{h, h.with(v.attrs), first}
	v.presets.Store(p)
	return p.next
}
