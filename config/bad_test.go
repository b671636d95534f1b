package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hale-go/hale/config"
)

var update = flag.Bool("update", false, "write the expected texts anew")

// told writes out each mistake and its mend.
func told(err error) string {
	var s strings.Builder
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, err := range all {
		s.WriteString(err.Error() + "\n")
		if e, ok := errors.AsType[*config.Error](err); ok {
			s.WriteString("    " + e.Hint() + "\n")
		}
	}
	return s.String()
}

// What a person reads of each kind of mistake: testdata/bad has a file for each, and
// beside it what is told.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := config.Decode("hale.yaml", data)
			var first *config.Error
			if !errors.As(err, &first) {
				t.Fatalf("%v", err)
			}
			if first.Mend == "" || first.Err == nil || strings.Contains(first.Error(), first.Mend) {
				t.Errorf("%q, with the mend %q", first, first.Mend)
			}
			if text := told(err); *update {
				if err := os.WriteFile(strings.TrimSuffix(file, ".yaml")+".want", []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".want"); err != nil || text != string(want) {
				t.Errorf("%v: told\n%swant\n%s", err, text, want)
			}
			if cfg.Domains != nil || cfg.Tick != 0 {
				t.Errorf("%+v was returned too", cfg)
			}
		})
	}
}
