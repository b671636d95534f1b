// Package serverless shows hale in a function that runs only while it is
// called. Between two invocations the platform may freeze the process, or end
// it, so there must be no loop in the background: the function takes one turn
// of it, [github.com/hale-go/hale.Runtime.Step], at the end of every invocation,
// and leaves no goroutine behind.
//
// A turn costs some microseconds, and one with a goroutine snapshot, at most
// every ten seconds, a few milliseconds. Two things are not for functions: a
// pool, whose workers wait for more work, and a subscription, which has a
// goroutine of its own. Read what happened from Runtime.Status, or from the log.
package serverless
