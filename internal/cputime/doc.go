// Package cputime tells how much processor time a thread has used, where the
// system says so.
package cputime
