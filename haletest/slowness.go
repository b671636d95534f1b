//go:build !race

package haletest

// slowness is how much longer code may take than in a service.
const slowness = 1
