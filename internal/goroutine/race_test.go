//go:build race

package goroutine_test

// raceFactor is how many times more runtime/pprof allocates under the race
// detector, at most: small objects are not put together there.
const raceFactor = 2
