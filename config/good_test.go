package config_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/config"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/isolate"
)

func TestSettingsAreRead(t *testing.T) {
	got, err := config.Decode("hale.yaml", []byte(`
--- # a comment
tick: 500ms
leak: {grace: 30s, creators: ["example.com/cache.(*janitor).run"]}
log_volume: # nothing yet
objectives:
- operation: "*"
  kind: client
  target: 0.99
logs:
  patterns: []
policy:
  act: contain
  ladders:
    stuck_task: [cancel]
  guardrails:
    dry_run: true
    blast_radius: 1
latency:
  thresholds:
    GET /orders/{id}: {p95: 0, p99: "1s"}
domains:
  orders:
  orders.payments:
    criticality: sheddable_plus
    bulkhead:
      limit: 0x10
      max_wait: -1ns
    breaker: {}
`))
	want := hale.Config{
		Tick:       500 * time.Millisecond,
		Leak:       detect.LeakConfig{Grace: 30 * time.Second, Creators: []string{"example.com/cache.(*janitor).run"}},
		Objectives: []detect.Objective{{Operation: "*", Kind: "client", Target: 0.99}},
		Logs:       hale.LogConfig{Patterns: []hale.LogPattern{}},
		Policy: heal.Policy{
			Act: heal.Contain, Ladders: map[diagnose.Fault][]string{diagnose.StuckTask: {"cancel"}},
			Guardrails: heal.Guardrails{DryRun: true, BlastRadius: 1},
		},
		Latency: detect.LatencyConfig{Thresholds: map[string]detect.Threshold{"GET /orders/{id}": {P99: time.Second}}},
		Domains: map[string]hale.DomainConfig{
			"orders": {},
			"orders.payments": {
				Criticality: isolate.SheddablePlus,
				Bulkhead:    &isolate.BulkheadConfig{Limit: 16, MaxWait: isolate.NoWait},
				Breaker:     &isolate.BreakerConfig{},
			},
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v\n%+v", err, got, want)
	}
}

// What has no settings is the defaults.
func TestEmptyFiles(t *testing.T) {
	for _, text := range []string{"", "\n\n", "# nothing\n", "---\n", "--- {}\n", "{}", "\ufeff", "leak:\nlatency:\n  thresholds:\n"} {
		got, err := config.Decode("hale.yaml", []byte(text))
		if err != nil || !reflect.DeepEqual(got, hale.Config{}) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

// Every setting that code has can be written in a file, but for those marked so.
func TestEverySettingHasAKey(t *testing.T) {
	full := reflect.New(reflect.TypeFor[hale.Config]()).Elem()
	n := 0
	fill(t, full, "Config", &n)
	if n < 60 {
		t.Fatalf("%d settings", n)
	}
	raw, err := yaml.Marshal(full.Interface())
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Decode("hale.yaml", raw)
	var e *config.Error
	if errors.As(err, &e) && !errors.As(err, new(*hale.ConfigError)) { // read, whether or not it makes sense
		t.Errorf("%v\n%s", err, raw)
	}
}

// fill sets each field to something that is not zero, and checks its tags.
func fill(t *testing.T, v reflect.Value, at string, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			y, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			j, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case y == "" || y != j:
				t.Errorf("%s.%s has the tags %s", at, f.Name, f.Tag)
			case y != "-":
				fill(t, v.Field(i), at+"."+f.Name, n)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), at, n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0), at+"[0]", n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		e := reflect.New(v.Type().Elem()).Elem()
		fill(t, e, at+"[]", n)
		v.SetMapIndex(reflect.ValueOf("key").Convert(v.Type().Key()), e)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(0.5)
	default:
		t.Errorf("%s is of kind %s, which no file can set", at, v.Kind())
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("hale.yaml", "tick: 2s\n")
	link := filepath.Join(dir, "link.yaml")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{good, link} {
		if cfg, err := config.Load(path); err != nil || cfg.Tick != 2*time.Second {
			t.Errorf("%s: %+v, %v", path, cfg, err)
		}
	}
	for path, want := range map[string]string{
		dir:                             ": it is a folder",
		filepath.Join(dir, "none.yaml"): "stat: no such file",
		write("large.yaml", strings.Repeat("# comment\n", 1<<17)): ": it has more than 1048576 bytes",
		write("bad.yaml", "tick: 5"):                              ":1:7: tick: 5 has no unit",
		os.DevNull:                                                ": it is no regular file",
	} {
		_, err := config.Load(path)
		var e *config.Error
		if !errors.As(err, &e) || e.File != path || !strings.Contains(err.Error(), want) || hale.Hint(err) == "" {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	if _, err := config.Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// What hale refuses can be told from what is no YAML.
func TestErrorsLeadToTheirReasons(t *testing.T) {
	_, err := config.Decode("f", []byte("domains:\n  payments:\n    breaker: {failures: 30, of: 20}\n"))
	var e *config.Error
	var cause *hale.ConfigError
	if !errors.As(err, &e) || e.Path != "$.domains.payments.breaker.failures" || e.Value != 30 || e.Line != 3 || e.Column != 25 {
		t.Errorf("%+v", e)
	}
	if !errors.As(err, &cause) || cause.Field != `Config.Domains["payments"].Breaker.Failures` {
		t.Errorf("%v", err)
	}
	_, err = config.Decode("f", []byte("policy: {probes: -1}"))
	if !errors.As(err, new(*heal.PolicyError)) {
		t.Errorf("%v", err)
	}
	if _, err = config.Decode("f", []byte("a: [")); !errors.As(err, new(*yaml.SyntaxError)) {
		t.Errorf("%v", err)
	}
}

// What would make a parser that calls itself overflow its stack, or take for ever, is
// refused soon.
func TestHugeFilesAreBounded(t *testing.T) {
	for _, piece := range []string{"[", "{", "- ", "-\n", "? ", "?\n", ": ", ":\n", "a: ", "a:\n", "&a ", "*a ", "!a ", "!!a\n", "|\n", ">", "\"", "'", "[]", "{}", "[a,", "{a: ", "- a:\n", "---\n", "...\n", "%a\n", "#", "\t", " ", "\n", "\r", "a", "0", ",", "]", "<<: ", "a: |\n b\n", "é", "\u2028", "a: 'b'\n", "- - [", "-\t", "a:\n- "} {
		for _, size := range []int{100, 30_000} {
			text := strings.Repeat(piece, size/len(piece))
			began := time.Now()
			_, err := config.Decode("f", []byte(text))
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("%d bytes of %q took %v", len(text), piece, took)
			}
			if err != nil && !errors.As(err, new(*config.Error)) {
				t.Errorf("%q: %v", piece, err)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range append(files, "testdata/hale.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := config.Decode("f", data)
		if err != nil {
			var e *config.Error
			if !errors.As(err, &e) || e.Mend == "" || e.Err == nil {
				t.Fatalf("%v", err)
			}
			return
		}
		raw, err := yaml.MarshalWithOptions(cfg, yaml.OmitZero())
		if err != nil {
			t.Fatal(err)
		}
		again, err := config.Decode("f", raw)
		a, errA := json.Marshal(cfg) // an empty list is written out where it is not the default
		b, errB := json.Marshal(again)
		if err := errors.Join(err, errA, errB); err != nil || string(a) != string(b) {
			t.Fatalf("%s\n%s: %v\n%s", a, b, err, raw)
		}
	})
}
