// Package starve tells how much of the time that passed a unit of work could
// really have used. A watchdog that counts wall-clock time kills healthy work
// when the machine is short of processors; one that counts what this package
// returns waits longer exactly as long as everybody has to.
package starve
