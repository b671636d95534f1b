// Package promtest runs a real Prometheus for a while, on loopback and with a folder of
// its own, for tests and demos that want to know what it makes of hale's metrics.
package promtest
