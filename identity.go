package hale

import (
	"context"
	"reflect"
	"runtime"
	"strings"

	"github.com/hale-go/hale/observe"
)

// Identity is who the calling code is working for.
type Identity struct {
	ID      observe.TaskID // ID is zero outside hale's care.
	Name    string
	Domain  observe.Domain
	Parent  observe.TaskID // Parent is the task that started this one, zero at the top.
	Request string         // Request is what [WithRequestID] set.
	User    string         // User is what [WithUser] set.
	Module  string         // Module is what [WithModule] set.

	Operation string // Operation is the name of the innermost [Span]'s.
}

// FromContext returns the task that ctx belongs to, or nil: outside any task
// and within a pool's unit. All methods of a nil Task are safe to call.
func FromContext(ctx context.Context) *Task {
	if ctx == nil {
		return nil
	}
	t, _ := ctx.Value(taskKey{}).(*Task)
	return t
}

// Identify returns the identity that ctx carries, of a task or of a pool's
// unit, or of a span. It takes about 200 ns.
func Identify(ctx context.Context) Identity {
	id := identify(ctx)
	id.User, id.Module, id.Operation = textOf(ctx, userKey{}), textOf(ctx, moduleKey{}), SpanOf(ctx).Operation().Name()
	return id
}

// identify leaves out what only logs tell of.
func identify(ctx context.Context) Identity {
	id := Identity{Request: requestOf(ctx)}
	s := scopeOf(ctx)
	if s == nil {
		return id
	}
	at := s.family()
	if at == nil {
		return id
	}
	id.ID, id.Name, id.Domain = s.id(), at.name, at.domain
	if p := scopeOf(s.parent); p != nil {
		id.Parent = p.id()
	}
	return id
}

type requestKey struct{}

// maxRequestID bounds what a client can make hale carry and log.
const maxRequestID = 128

// WithRequestID returns a context that carries a request ID into every task,
// log record and event below it. It is made printable and cut to 128 bytes,
// since it often comes from a client.
func WithRequestID(ctx context.Context, id string) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	return carry(ctx, requestKey{}, printable(id, maxRequestID))
}

type (
	userKey   struct{}
	moduleKey struct{}
)

// WithUser returns a context that carries into every log record below it for whom
// the work is. It is made printable and cut to 128 bytes. hale sets none by itself:
// what may be logged of a user is for the service to decide.
func WithUser(ctx context.Context, user string) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	return carry(ctx, userKey{}, printable(user, maxRequestID))
}

// WithModule returns a context that carries into every log record below it which
// part of the service is at work, where that is not to be seen from the task's name.
func WithModule(ctx context.Context, module string) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	return carry(ctx, moduleKey{}, printable(module, maxRequestID))
}

// textOf returns the text that ctx carries under a key, or "".
func textOf(ctx context.Context, key any) string {
	if ctx == nil {
		return ""
	}
	s, _ := valueOf(ctx, key).(string)
	return s
}

// RequestID returns the request ID that ctx carries, or "".
func RequestID(ctx context.Context) string {
	if ctx == nil {
		return ""
	}
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// requestOf is RequestID where a context of somebody's that panics must stop
// nothing.
func requestOf(ctx context.Context) (id string) {
	defer func() { _ = recover() }()
	return RequestID(ctx)
}

// requestAside is requestOf where one that hangs must not either: it costs a
// goroutine, for a moment.
func requestAside(ctx context.Context) string {
	if valueTame(ctx) {
		return requestOf(ctx)
	}
	id, _ := ask(func() string { return requestOf(ctx) })
	return id
}

// siteOf returns the place of the function that starts at entry.
func siteOf(entry uintptr) observe.Site {
	if entry == 0 {
		return observe.Site{}
	}
	f := runtime.FuncForPC(entry)
	if f == nil {
		return observe.Site{}
	}
	if name, wrapped := strings.CutSuffix(f.Name(), "-fm"); wrapped { // of a method value; the compiler's own code
		return observe.Site{Function: name}
	}
	file, line := f.FileLine(entry)
	return observe.Site{Function: f.Name(), File: file, Line: line}
}

// entryOf returns where a function's code starts; it does not keep the closure.
func entryOf(fn func(context.Context) error) uintptr {
	return reflect.ValueOf(fn).Pointer()
}
