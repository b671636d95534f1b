// Command shop is a small web shop under hale's care, and the script that hurts
// it and watches it recover.
//
//	shop serve   the service and its admin page, on free loopback ports
//	shop load    steady load on all of its routes, counted on standard output
//	shop demo    both of them, thirteen faults, and a verdict
//
// The shop is written as a service that uses hale would be: handlers run behind
// halehttp, the consumer of orders and the mailer of invoices are supervised
// children, thumbnails are units of a pool. Its payments service and its catalog
// are fault domains, which hale.yaml declares: read it first. The faults are
// switches in its own code, which hale knows nothing of; they are thrown through
// the admin listener.
//
// The demo runs the service under "hale run". Eleven of the faults are dealt with inside
// the process. The last two are not to be cured there: goroutines that nobody can end, for
// which hale has a successor take over on the same sockets, and a fatal error, after which
// "hale run" starts the shop again. Both times the export of orders goes on at the page
// where it was, by its checkpoint.
//
// The demo believes hale's events and measures for itself: it counts requests
// from outside, looks whether the work that was held up is done afterwards, and
// fails when anything that was not hurt was touched.
package main
