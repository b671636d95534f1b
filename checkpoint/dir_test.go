package checkpoint_test

import (
	"testing"

	"github.com/hale-go/hale/checkpoint"
	"github.com/hale-go/hale/haletest"
)

func TestDirKeepsTheContract(t *testing.T) {
	dir := checkpoint.Dir(t.TempDir() + "/made/here")
	haletest.Store(t, func() checkpoint.Store { return dir })
}
