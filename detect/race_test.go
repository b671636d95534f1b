//go:build race

package detect_test

// usualSeeds is how many seeds of each shape are simulated: the race detector
// makes each ten times as slow.
const usualSeeds = 2
