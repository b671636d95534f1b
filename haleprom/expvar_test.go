package haleprom_test

import (
	"encoding/json"
	"expvar"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hale-go/hale/haleprom"
)

var _ expvar.Var = (*haleprom.Var)(nil)

func TestVar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := busy(t)
		step(t, rt)
		var got struct {
			Observer   string
			Operations []struct {
				Name, Kind     string
				Ended, Failed  uint64
				Outcomes       map[string]uint64
				BusinessErrors map[string]uint64          `json:"business_errors"`
				LatencySeconds struct{ P50, P99 float64 } `json:"latency_seconds"`
			}
			Tasks     []struct{ Name string }
			Pools     []struct{ Name string }
			Incidents []struct{ Fault, Root string }
			Loop      struct{ Turns int }
		}
		text := haleprom.NewVar(rt).String()
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if got.Observer != "off" || len(got.Tasks) != 3 || len(got.Pools) != 1 || len(got.Incidents) != 1 || got.Incidents[0].Fault != "panic" || got.Loop.Turns != 1 {
			t.Errorf("%s", text)
		}
		for _, o := range got.Operations {
			if o.Name != "GET /orders/{id}" {
				continue
			}
			if p := o.LatencySeconds.P50; o.Kind != "server" || o.Ended != 4 || o.Failed != 1 || o.Outcomes["500"] != 2 || o.BusinessErrors["declined"] != 4 || p < 0.0196 || p > 0.0204 {
				t.Errorf("%+v", o)
			}
			return
		}
		t.Errorf("no route in %s", text)
	})
}

func TestVarOfNothing(t *testing.T) {
	var none *haleprom.Var
	for _, v := range []*haleprom.Var{none, haleprom.NewVar(nil), haleprom.NewVar(newRuntime(t))} {
		if text := v.String(); !json.Valid([]byte(text)) {
			t.Errorf("%s", text)
		}
	}
}

// Importing expvar puts a handler on the default mux: it is the service's to import.
func TestExpvarIsNotImported(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			if i.Path.Value == `"expvar"` {
				t.Errorf("%s imports it", f.Name())
			}
		}
	}
}
