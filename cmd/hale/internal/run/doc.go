// Package run is a parent for one service: it holds the service's listening sockets, starts
// it, hears by systemd's protocols that it is ready, alive or about to stop, and starts it
// again when it crashes or hangs. It hands over to a successor without a connection that is
// refused, and reads from the service's stderr what it crashed of.
//
//	runner.go      the one goroutine that decides; it owns all that happens to services
//	ended.go       what follows the end of a service, and what it was
//	said.go        what a service says, acted on
//	handover.go    a successor takes over
//	control.go     the socket on which others ask for that
//	request.go     what they ask, and are answered
//	ask.go         asks, in another process
//	service.go     one process: started, signalled, waited for
//	launch.go      becomes the service, in its process, with what only that can know
//	hear.go        what a service says, by sd_notify
//	messages.go    one message of it
//	sockets.go     those that are held
//	socketfile.go  the files of Unix sockets
//	output.go      stderr, passed on and never waited for
//	words.go       what a service said of its end
//	oom.go         whether the kernel had no memory for it
//	orphans.go     what services leave to the first process of a container
//	hang.go        whether a service that says nothing hangs, or is starved
//	restarts.go    how soon, and how often
//	incident.go    what is told
package run
