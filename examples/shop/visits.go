package main

import "time"

// visits counts who looks at what. Whoever wrote it forgot that requests are served at
// once: what Go does about two that write to one map is a fatal error, which nothing in
// the process can contain.
type visits map[int]int

// turn is told whether the fault is on. It leaves time to answer whoever switched it.
func (v visits) turn(on bool) {
	if !on {
		return
	}
	for range 4 {
		time.AfterFunc(50*time.Millisecond, v.count)
	}
}

func (v visits) count() {
	for n := 0; ; n++ {
		v[n%8]++
	}
}
