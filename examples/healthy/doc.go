// Package healthy is a service with nothing wrong with it, built out of what
// leak checkers stumble over: connections that are dialled inside a request and
// outlive it, a pool of them that grows with the load, a janitor that the first
// request starts, long polls, subscribers, work that a handler leaves behind for
// a moment. Its test runs it under hale with settings that are as harsh as they
// get, and demands that nothing is ever accused.
//
// One switch, [Config].Leak, makes one route leak through another package's
// client. It shows that the silence of the first test is not blindness.
package healthy
