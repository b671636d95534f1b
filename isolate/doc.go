// Package isolate holds the walls between a fault and the rest of a service: circuit
// breaker, bulkhead, rate limiter, adaptive limit and retry.
//
// They are permits: what is about to do something asks for one, is refused with
// [ErrOpen], [ErrFull], [ErrRateLimited] or [ErrShed], or does it and says how it ended.
// None of them keeps a goroutine or a timer, and but for [Do], which tries a function
// again, none runs the work. hale.Call puts them around a function in the right order and
// sees to it that each permit comes back once, whatever the function does; use them on
// their own where that does not fit.
package isolate
