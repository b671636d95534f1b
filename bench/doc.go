// Package bench compares hale with its alternatives, side by side, on the same
// work and the same machine. "make bench" runs it.
package bench
