package hale_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hale-go/hale"
)

// BenchmarkStep takes turns of the loop over many names.
func BenchmarkStep(b *testing.B) {
	for _, names := range []int{10, 1000} {
		b.Run(fmt.Sprintf("names=%d", names), func(b *testing.B) {
			rt := newRuntime(b, hale.WithConfig(hale.Config{Snapshots: time.Hour}))
			ctx := context.Background()
			for i := range names {
				_ = rt.Do(ctx, fmt.Sprintf("orders.consume%d", i), succeed)
			}
			_ = rt.Step(ctx)
			b.ReportAllocs()
			for b.Loop() {
				_ = rt.Step(ctx)
			}
		})
	}
}
