//go:build race

package main

// raceFactor is how many times more runtime/pprof allocates under the race
// detector, at most.
const raceFactor = 2
