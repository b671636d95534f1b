package haleprom

import (
	"fmt"
	"math"
	"regexp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hale-go/hale"
)

// Option is a choice for [Register].
type Option func(*settings)

type settings struct {
	prefix    string
	guide     string // prefix of the names that guides use
	bare      bool
	buckets   []float64
	quantiles []float64
	summaries bool
}

// WithPrefix begins all names with a prefix instead of "hale_": letters, digits, "_"
// and ":", no digit first.
func WithPrefix(prefix string) Option { return func(s *settings) { s.prefix = prefix } }

// WithGuideNames gives the metrics that guides to Go services use the names that they
// have there, without a prefix: http_requests_total,
// http_request_duration_seconds, active_business_goroutines and
// business_logic_errors_total. A service that has a metric of such a name already gets
// an error from [Register].
func WithGuideNames() Option { return func(s *settings) { s.bare = true } }

// WithBuckets sets the upper bounds of the histograms' buckets, in seconds, in
// increasing order, at most 64. A duration counts in the right bucket to within
// 1.6 %, or half a microsecond. Default: [prometheus.DefBuckets].
func WithBuckets(bounds ...float64) Option {
	return func(s *settings) { s.buckets = slices.Clone(bounds) }
}

// WithSummaries adds hale_operation_latency_seconds, a summary with these quantiles,
// from 0 to 1, at most 16, to within 1.6 %. They are of what ended since the last
// scrape that is at least 10 s old: with a scrape every 15 s since the one before, with
// scrapes every second since one that is 10 to 20 s ago. They are NaN where nothing
// ended. Two copies of the latency histogram of each operation are kept for it.
// Summaries cannot be added up over instances: prefer the histograms.
func WithSummaries(quantiles ...float64) Option {
	return func(s *settings) { s.quantiles, s.summaries = slices.Clone(quantiles), true }
}

var goodName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)

const (
	maxPrefix    = 64
	maxBuckets   = 64
	maxQuantiles = 16
)

// gather returns the settings, or a [*hale.ConfigError].
func gather(opts []Option) (settings, error) {
	s := settings{prefix: "hale_", buckets: prometheus.DefBuckets}
	for _, opt := range opts {
		if opt != nil {
			opt(&s)
		}
	}
	if !goodName.MatchString(s.prefix) || len(s.prefix) > maxPrefix {
		return s, &hale.ConfigError{
			Field: "haleprom.WithPrefix", Value: s.prefix,
			Mend: fmt.Sprintf(`give letters, digits and "_", no digit first, at most %d, such as "shop_"`, maxPrefix),
		}
	}
	if s.guide = s.prefix; s.bare {
		s.guide = ""
	}
	if n := len(s.buckets); n > 0 && math.IsInf(s.buckets[n-1], 1) {
		s.buckets = s.buckets[:n-1] // it is there anyway
	}
	if len(s.buckets) == 0 || len(s.buckets) > maxBuckets {
		return s, &hale.ConfigError{Field: "haleprom.WithBuckets: number of bounds", Value: len(s.buckets), Mend: fmt.Sprintf("give 1 to %d", maxBuckets)}
	}
	for i, b := range s.buckets {
		if !(b > 0) || math.IsInf(b, 0) || i > 0 && b <= s.buckets[i-1] {
			return s, &hale.ConfigError{Field: "haleprom.WithBuckets", Value: b, Mend: "give seconds above 0, in increasing order"}
		}
	}
	if s.summaries && (len(s.quantiles) == 0 || len(s.quantiles) > maxQuantiles) {
		return s, &hale.ConfigError{Field: "haleprom.WithSummaries: number of quantiles", Value: len(s.quantiles), Mend: fmt.Sprintf("give 1 to %d, such as 0.5, 0.99", maxQuantiles)}
	}
	for _, q := range s.quantiles {
		if !(q >= 0 && q <= 1) {
			return s, &hale.ConfigError{Field: "haleprom.WithSummaries", Value: q, Mend: "give quantiles from 0 to 1, such as 0.99"}
		}
	}
	return s, nil
}
