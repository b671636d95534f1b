//go:build !race

package detect_test

const usualSeeds = 12
