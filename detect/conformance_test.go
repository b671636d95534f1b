package detect_test

import (
	"testing"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/haletest"
)

func TestBuiltinDetectorsKeepTheContract(t *testing.T) {
	for _, c := range []struct {
		kind  detect.Kind
		fresh func() detect.Detector
	}{
		{detect.KindLeak, func() detect.Detector { return detect.NewLeak(detect.LeakConfig{}) }},
		{detect.KindStuck, func() detect.Detector { return detect.NewStuck() }},
		{detect.KindPanicLoop, func() detect.Detector { return detect.NewPanicLoop(detect.PanicLoopConfig{}) }},
		{detect.KindAbandoned, func() detect.Detector { return detect.NewAbandoned(detect.AbandonedConfig{}) }},
	} {
		t.Run(string(c.kind), func(t *testing.T) { haletest.Detector(t, c.fresh, haletest.Finds(c.kind)) })
	}
}
