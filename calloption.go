package hale

import "context"

// CallOption declares something about a [Call]. See [Fallback], [Expect], [ExpectIf],
// [Idempotent] and [NotIdempotent].
type CallOption interface{ applyCall(*callOptions) }

type callOptions struct {
	fallback   any // func(context.Context, error) (T, error)
	expected   []error
	answers    []func(error) bool
	idempotent bool // it may run again though the first run may still be under way
	once       bool // it must not run again
}

type callOption func(*callOptions)

func (f callOption) applyCall(o *callOptions) { f(o) }

// applyCall makes [Idempotent] an option of calls too.
func (f UnitOption) applyCall(o *callOptions) {
	var u unitOptions
	f(&u)
	o.idempotent = u.idempotent
}

// Fallback gives a [Call] what to answer where its function has no answer: it was
// refused, or failed for the last time with err. Its T must be that of the call, or it is
// not used, which is told once. It has no place in the bulkhead, and where the domain
// has a timeout, as long as that. Its panic is contained. A caller whose context has ended
// is not answered by it.
func Fallback[T any](f func(ctx context.Context, err error) (T, error)) CallOption {
	return callOption(func(o *callOptions) { o.fallback = f })
}

// Expect says which errors of a [Call] are answers, such as that something was not
// found: they count as success, are not tried again and need no fallback. They are found
// as by [errors.Is].
func Expect(errs ...error) CallOption {
	return callOption(func(o *callOptions) { o.expected = append(o.expected, errs...) })
}

// ExpectIf is [Expect] for errors that f reports true of, such as those with a status of
// 404. What f panics with counts as no.
func ExpectIf(f func(error) bool) CallOption {
	return callOption(func(o *callOptions) {
		if f != nil {
			o.answers = append(o.answers, f)
		}
	})
}

// NotIdempotent says that the function of a [Call] must not be run twice: it is never
// tried again, whatever the domain declares.
func NotIdempotent() CallOption { return callOption(func(o *callOptions) { o.once = true }) }

func gatherCall(opts []CallOption) *callOptions {
	o := new(callOptions)
	for _, opt := range opts {
		if opt != nil {
			opt.applyCall(o)
		}
	}
	return o
}

// expects reports whether an error is an answer.
func (o *callOptions) expects(err error) bool {
	if o == nil {
		return false
	}
	for _, want := range o.expected {
		if want != nil && matches(err, want) {
			return true
		}
	}
	for _, f := range o.answers {
		if answers(f, err) {
			return true
		}
	}
	return false
}

func answers(f func(error) bool, err error) (yes bool) {
	defer func() {
		if recover() != nil {
			yes = false
		}
	}()
	return f(err)
}
