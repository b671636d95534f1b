package detect_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// units is what the levels of each kind count; left says whether some of it can be
// there when the symptom is over.
var units = map[detect.Kind][]unit{
	detect.KindLeak:            {{"goroutines", true}},
	detect.KindStuck:           {{"tasks", true}},
	detect.KindPanic:           {{"panics", false}},
	detect.KindPanicLoop:       {{"panics", false}},
	detect.KindRestartStorm:    {{"failures", false}},
	detect.KindHangLoop:        {{"hangs", false}},
	detect.KindAbandoned:       {{"abandoned bodies", true}},
	detect.KindOverdue:         {{"times", false}},
	detect.KindLogPattern:      {{"records", false}},
	detect.KindLoggedPanics:    {{"records", false}},
	detect.KindLogVolume:       {{"records", false}},
	detect.KindNewLogForm:      {{"records", false}},
	detect.KindVanishedLogForm: {{"records", false}},
	detect.KindAnomaly:         {{"times", false}},
	detect.KindSaturation:      {{"%", false}},
	detect.KindExhaustion:      {{"%", false}},
	detect.KindErrorRate:       {{"%", false}},
	detect.KindBusinessErrors:  {{"errors a minute", false}},
	detect.KindBurnRate:        {{"times", false}},
	detect.KindSlow:            {{"times", false}, {"operations", false}},
	detect.KindCreep:           {{"times", false}},
	detect.KindStalled:         {{"spans", false}, {"operations", false}},
	detect.KindUnfinished:      {{"spans", true}},
	detect.KindOutlived:        {{"spans", false}},
	detect.KindOpenBreaker:     {{"open breakers", false}},
	detect.KindFullDomain:      {{"refused calls a second", false}},
	detect.KindLost:            {{"goroutines", true}},
	detect.KindUnhealthy:       {{"unhealthy parts", false}},
}

type unit struct {
	name string
	left bool
}

// withUnits returns the findings, and panics if one of them does not keep to what is
// written on Level and Unit of [detect.Finding].
func withUnits(fs []detect.Finding) []detect.Finding {
	for _, f := range fs {
		known := units[f.Kind]
		at := slices.IndexFunc(known, func(u unit) bool { return u.name == f.Unit })
		all := f.Subject.String() == "all operations" && len(known) > 1 // one kind about one subject has one unit
		rate := f.Unit == "%" || f.Unit == "errors a minute"            // of which there may be none just now
		if at < 0 || (at > 0) != all || (f.Active && f.Level == 0 && !rate) || (!f.Active && f.Level > 0 && !known[at].left) {
			panic(fmt.Sprintf("%s: active %v at level %v in the unit %q, want one of %v: %+v", f.Key(), f.Active, f.Level, f.Unit, known, f))
		}
	}
	return fs
}

// Every place in which a detector makes a finding says its unit, and every kind is
// in the table above.
func TestEveryFindingHasAUnit(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{} // of the units' constants
	kinds := map[string]bool{}
	made := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if len(n.Values) <= i {
						continue
					}
					if lit, ok := n.Values[i].(*ast.BasicLit); ok && strings.HasPrefix(name.Name, "in") {
						words[strings.Trim(lit.Value, `"`)] = true
					} else if ok && strings.HasPrefix(name.Name, "Kind") {
						kinds[strings.Trim(lit.Value, `"`)] = true
					}
				}
			case *ast.CompositeLit:
				if id, ok := n.Type.(*ast.Ident); !ok || id.Name != "Finding" || len(n.Elts) == 0 {
					break
				}
				made++
				if !slices.ContainsFunc(n.Elts, func(e ast.Expr) bool { return e.(*ast.KeyValueExpr).Key.(*ast.Ident).Name == "Unit" }) {
					t.Errorf("a finding without a unit at byte %d of %s", n.Pos(), name)
				}
			}
			return true
		})
	}
	if made < 20 {
		t.Errorf("only %d places were looked at", made)
	}
	used := map[string]bool{}
	for kind := range units {
		if !kinds[string(kind)] {
			t.Errorf("%s is not made", kind)
		}
		delete(kinds, string(kind))
		for _, u := range units[kind] {
			used[u.name] = true
		}
	}
	if len(kinds) > 0 || !maps.Equal(words, used) {
		t.Errorf("kinds without a unit: %v; units %v, of which are used %v", kinds, words, used)
	}
}

// Every detector keeps to the units on turns in which it has something to say.
func TestLevelsKeepTheirUnits(t *testing.T) {
	seen := map[detect.Kind]bool{}
	check := func(fs []detect.Finding) {
		for _, f := range withUnits(fs) {
			seen[f.Kind] = true
		}
	}
	for _, f := range []fault{{of: "POST /order", failing: .5}, {of: "GET /cart", logStorm: 200}, {of: "GET /products", mute: true}} {
		f.from = 6 * 60 * time.Second
		f.until = f.from + 60*time.Second
		w := newService(1, f)
		p := detect.NewPanel(0, builtins()...)
		for range 600 {
			turn := w.turn()
			fs, _ := p.Detect(&turn)
			check(fs)
		}
	}
	for _, turns := range [][]observe.Turn{slowQuotes(slowAt+8, 20), creepingSearch(12*16, 12*6, .15), stalledQuotes(220, 200), leakedSpans(110, 80)} {
		for _, d := range slowness() {
			for _, turn := range turns {
				check(d.Detector.Detect(turn))
			}
		}
	}
	for _, kind := range []detect.Kind{detect.KindErrorRate, detect.KindLogPattern, detect.KindLogVolume, detect.KindSlow, detect.KindCreep, detect.KindStalled, detect.KindUnfinished} {
		if !seen[kind] {
			t.Errorf("no %s was found", kind)
		}
	}
}
