// Package leaks is a zoo of goroutine leaks: every kind that is known from the
// field, each started by the handler of a route of its own, in some of its
// requests. What leaked and when is written down, so that a test can compare it
// with what hale found: its test runs the healthy service with the zoo in it
// under hale and demands that hale finds all of the leaks and nothing else.
package leaks
