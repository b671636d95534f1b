package anomaly_test

import (
	"math/rand/v2"
	"testing"

	"github.com/hale-go/hale/internal/anomaly"
)

// BenchmarkPush takes a noisy daily cycle. Beside it runs the least that any scorer
// of this kind would do: a mean and a variance that forget, and a distance from it.
func BenchmarkPush(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, 10*day)
	for i := range values {
		values[i] = cycle(i) + 3*r.NormFloat64()
	}
	b.Run("scorer", func(b *testing.B) {
		b.ReportAllocs()
		var s anomaly.Scorer
		i := 0
		for b.Loop() {
			s.Push(at(i), values[i%len(values)])
			i++
		}
	})
	b.Run("ewma", func(b *testing.B) {
		b.ReportAllocs()
		mean, variance, worst, i := 0.0, 0.0, 0.0, 0
		for b.Loop() {
			d := values[i%len(values)] - mean
			worst = max(worst, d*d/(variance+1))
			mean += 0.01 * d
			variance += 0.01 * (d*d - variance)
			i++
		}
		_ = worst
	})
}
