package heal_test

import (
	"testing"

	"github.com/hale-go/hale/haletest"
	"github.com/hale-go/hale/heal"
)

func TestBuiltinRemediesKeepTheContract(t *testing.T) {
	for _, r := range heal.Builtin() {
		t.Run(r.Name, func(t *testing.T) { haletest.Remedy(t, func() heal.Remedy { return r.Remedy }) })
	}
}
