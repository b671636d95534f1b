package main

import (
	"fmt"
	"sync"
)

// fault is a switch that makes one part of the shop misbehave. It strikes some
// of the bodies that ask, for as long as it is on.
type fault struct {
	every int        // every how many-th body that asks is struck
	limit int        // at most so many for each time that it is on; 0: no limit
	set   func(bool) // told of the switch; may be nil

	mu     sync.Mutex
	asked  int
	struck int
	off    chan struct{} // closed when it is switched off; nil while it is off
}

// strikes reports whether the caller is to misbehave. The channel is closed
// when the fault is over.
func (f *fault) strikes() (bool, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.off == nil {
		return false, nil
	}
	f.asked++
	if f.asked%f.every != 0 || (f.limit > 0 && f.struck >= f.limit) {
		return false, nil
	}
	f.struck++
	return true, f.off
}

// hang is what a body does that ignores its context: it waits for something
// that does not come. Only the end of the fault lets it go, so that a demo
// leaves nothing behind that Go could not take back.
func (f *fault) hang() {
	if hit, off := f.strikes(); hit {
		<-off
	}
}

func (f *fault) turn(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case on && f.off == nil:
		f.off, f.asked, f.struck = make(chan struct{}), 0, 0
	case !on && f.off != nil:
		close(f.off)
		f.off = nil
	default:
		return
	}
	if f.set != nil {
		f.set(on)
	}
}

func (f *fault) on() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.off != nil
}

// Names of the faults.
const (
	faultLeak     = "leak"
	faultConsumer = "stuck-consumer"
	faultPanic    = "panic-loop"
	faultPool     = "stuck-pool"
	faultDown     = "payments-down"
	faultFull     = "full-catalog"
	faultErrors   = "error-burst"
	faultSlow     = "slow-payments"
	faultFiles    = "file-leak"
	faultStorm    = "log-storm"
	faultSilence  = "silence"

	// What only the end of the process cures.
	faultImmortal = "immortal"
	faultFatal    = "fatal-error"
)

// faults are all the ways in which the shop can be hurt.
type faults map[string]*fault

func newFaults() faults {
	return faults{
		faultLeak: {every: 1},
		// One connection that died: whoever dials anew is well.
		faultConsumer: {every: 1, limit: 1},
		faultPanic:    {every: 1},
		// A broken picture now and then, so that the pool has other work too.
		faultPool:    {every: 3},
		faultDown:    {every: 1},
		faultFull:    {every: 1},
		faultErrors:  {every: 2},
		faultSlow:    {every: 1},
		faultFiles:   {every: 1},
		faultStorm:   {every: 1},
		faultSilence: {every: 1},
		// All suppliers, once.
		faultImmortal: {every: 1, limit: suppliers},
		faultFatal:    {every: 1},
	}
}

func (fs faults) turn(name string, on bool) error {
	f, ok := fs[name]
	if !ok {
		return fmt.Errorf("no fault %q", name)
	}
	f.turn(on)
	return nil
}

// allOff lets go of every body that hangs.
func (fs faults) allOff() {
	for _, f := range fs {
		f.turn(false)
	}
}

// state says which faults are on.
func (fs faults) state() map[string]bool {
	out := make(map[string]bool, len(fs))
	for name, f := range fs {
		out[name] = f.on()
	}
	return out
}
