// Package surge simulates a dependency under load: workers with a queue before them,
// callers with a deadline, and a limit between the two. It is for tests and benchmarks
// of limits. A run is one goroutine's and takes no time: events happen one after the
// other on a clock of its own, and the same seed gives the same run.
package surge
