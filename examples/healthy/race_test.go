//go:build race

package healthy_test

import "time"

// patience is how long a leak may take to be found. Under the race detector a
// snapshot costs several times as much, so hale takes fewer of them, and fewer
// still while something else keeps the processors busy.
const patience = 3 * time.Minute
