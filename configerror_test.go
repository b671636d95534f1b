package hale_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
)

// An error says what is wrong and where, and its hint how to mend it: who prints both
// prints nothing twice. Texts are in quotes.
func TestErrorAndHintShareNothing(t *testing.T) {
	rt := newRuntime(t)
	made := func(c hale.Config) error { _, err := hale.New(hale.WithConfig(c)); return err }
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"duration":   {made(hale.Config{Tick: -time.Second}), "hale: Config.Tick is -1s, which cannot be used"},
		"number":     {made(hale.Config{ErrorRate: detect.ErrorRateConfig{MinRise: math.NaN()}}), "hale: Config.ErrorRate.MinRise is NaN, which cannot be used"},
		"text":       {made(hale.Config{Logs: hale.LogConfig{Patterns: []hale.LogPattern{{Name: "a b", Regexp: "("}}}}), `is "(", which cannot be used`},
		"empty text": {made(hale.Config{Logs: hale.LogConfig{Patterns: []hale.LogPattern{{Regexp: "a"}}}}), `is "", which cannot be used`},
		"objective":  {made(hale.Config{Objectives: []detect.Objective{{}}}), `hale: Config.Objectives[0].Operation is "", which cannot be used`},
		"folder":     {func() error { _, err := hale.New(hale.WithDir(file)); return err }(), `hale: WithDir is "` + file + `": `},
		"pool":       {func() error { _, err := rt.NewPool("p", hale.PoolConfig{Workers: -1}); return err }(), "hale: PoolConfig.Workers is -1, which cannot be used"},
		"nothing":    {new(hale.Runtime).Step(t.Context()), "hale: Runtime is nil, which cannot be used"},
		"policy":     {made(hale.Config{Policy: heal.Policy{Quarantine: -time.Second}}), "heal: Policy.Quarantine is -1s, which cannot be used"},
		"ladder":     {made(hale.Config{Policy: heal.Policy{Ladders: map[diagnose.Fault][]string{"leak": {"reboot"}}}}), `heal: Policy.Ladders: leak names the remedy "reboot", which is not registered`},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, c.err, c.want)
			continue
		}
		if hint := hale.Hint(c.err); hint == "" || strings.Contains(c.err.Error(), hint) {
			t.Errorf("%s: %v, with the hint %q", name, c.err, hint)
		}
	}
	var bad *hale.ConfigError
	if err := made(hale.Config{Objectives: []detect.Objective{{}}}); !errors.As(err, &bad) || bad.Field != "Config.Objectives[0].Operation" {
		t.Errorf("%v", err)
	}
}
