//go:build race

package haletest

// slowness is how much longer code may take than in a service: the race
// detector makes it several times slower.
const slowness = 5
