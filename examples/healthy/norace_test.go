//go:build !race

package healthy_test

import "time"

// patience is how long a leak may take to be found.
const patience = 30 * time.Second
