// Package health answers the probes of Kubernetes and of systemd's watchdog for a service:
// whether it lives, is ready for requests, and has started, with the reasons in JSON.
//
// Live tests the service and not hale: that goroutines are run, that its critical tasks
// beat, and, if asked, that it answers a request to itself. It does not look at what the
// service depends on, which a restart would not mend, and it stays well when only hale's
// loop is down; the answer says so. A critical task that its supervisor will start again
// counts as looked after, also when each of its runs hangs, as long as each beats first: of that a
// person is told, as of the fault hang_loop. One that has not been there yet is not missed by Live: when
// the service has started, it is not ready without, and a person is called. Time in which the machine had no processor for the
// process does not count. Ready falls while the service starts, drains, or is as saturated or
// degraded as was chosen.
package health
