// Package process is a service's side of the protocols between a process and who started
// it: systemd, or hale's own parent, "hale run". It takes the listening sockets that the
// parent holds, says when the service is ready, alive and about to stop, and asks for a
// handover to a successor. Without such a parent all of it does nothing, and Listen just
// listens, so that the same binary runs anywhere.
//
//	listener, err := process.Listen("tcp", ":8080")
//	…
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//	go process.Watch(ctx, probes.Live)          // WATCHDOG=1, while the service is alive
//	process.Ready()                              // READY=1
//	err = halehttp.Serve(ctx, server, listener) // until SIGTERM; then it drains
//
// A successor that is not ready in time is ended, and its predecessor goes on. So nothing that
// only one of them may have is taken before Ready: begin tasks that resume a checkpoint after it.
//
// What Listen opens is given to the parent to keep, by systemd's FDSTORE: a successor, or the
// service when it has crashed and been started again, takes the same sockets, and connections
// that come meanwhile wait in them. With systemd that needs FileDescriptorStoreMax= in the
// unit, or a socket unit; "hale run" does it always.
//
// Three things are not the same under systemd, where the file deploy/systemd/shop.service is
// a unit to begin with. There is no [Handover]: a service that leaves by [HandoverOrExit]
// drains first and is started again afterwards, if the unit says Restart=always, and
// connections wait meanwhile. Its watchdog counts all silence, also of a service that the
// machine had no processor for. And sockets are kept for as long as the unit is up or about
// to be: not over "systemctl stop", nor after too many starts (StartLimitBurst=).
//
// The protocols are those of sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3).
// Nothing here reads the environment, opens anything or starts a goroutine before it is
// called. All functions may be called from any goroutine.
package process
