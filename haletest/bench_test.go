package haletest_test

import (
	"testing"

	"github.com/hale-go/hale/haletest"
)

// BenchmarkNoLeaks is what a test pays that leaks nothing.
func BenchmarkNoLeaks(b *testing.B) {
	for b.Loop() {
		r := record(b)
		haletest.NoLeaks(r)
		if errs := r.end(); len(errs) > 0 {
			b.Fatal(errs)
		}
	}
}
