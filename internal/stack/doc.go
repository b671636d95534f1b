// Package stack captures where a panic came from: its program counters, its
// origin site and a fingerprint that is the same for the same fault. The
// capture symbolizes nothing, so that a child that panics all the time can be
// restarted cheaply; the text is made when somebody reads it.
package stack
