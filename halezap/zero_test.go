package halezap_test

import (
	"testing"

	"go.uber.org/zap"

	"github.com/hale-go/hale/halezap"
)

// A nil core writes nothing, and nil fields and options are none.
func TestNil(t *testing.T) {
	log := zap.New(halezap.NewCore(nil, nil, halezap.WithRuntime(nil), halezap.WithLevels(nil)))
	log.With(zap.Int("n", 1)).Error("no core", halezap.Context(nil)) //nolint:staticcheck // what is tested
	if err := log.Sync(); err != nil {
		t.Error(err)
	}
}
