package healthy_test

import (
	"flag"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// duration is for soaks: go test ./healthy -run Never -healthy.duration 1h
var duration = flag.Duration("healthy.duration", time.Minute, "how long the healthy service is under load")

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Nothing can end this kind of leak, not even the test that made them.
		goleak.IgnoreAnyFunction("github.com/hale-go/hale/examples/healthy_test.receivesNil"))
}
