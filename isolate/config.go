package isolate

import (
	"fmt"
	"time"
)

// maxDuration bounds what settings say, so that sums of them cannot overflow.
const maxDuration = 24 * time.Hour

// most of anything that is counted; what a slip of the finger would ask for goes no
// further.
const most = 1 << 20

// duration checks a duration and gives it its default.
func duration(field string, d *time.Duration, fallback time.Duration) error {
	if *d < 0 || *d > maxDuration {
		return &ConfigError{Field: field, Value: *d, Mend: "give a duration up to 24h, or 0 for the default"}
	}
	if *d == 0 {
		*d = fallback
	}
	return nil
}

// number checks a number and gives it its default.
func number(field string, n *int, fallback int) error {
	if *n < 0 || *n > most {
		return &ConfigError{Field: field, Value: *n, Mend: fmt.Sprintf("give a number up to %d, or 0 for the default", most)}
	}
	if *n == 0 {
		*n = fallback
	}
	return nil
}

// share checks a share and gives it its default.
func share(field string, r *float64, fallback float64) error {
	if !(*r >= 0 && *r <= 1) { // also catches NaN
		return &ConfigError{Field: field, Value: *r, Mend: "give a share from 0 to 1, or 0 for the default"}
	}
	if *r == 0 {
		*r = fallback
	}
	return nil
}
