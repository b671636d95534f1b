package dump_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hale-go/hale/internal/dump"
	"github.com/hale-go/hale/internal/stack"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Each testdata/golden/*.txt is what a process wrote to its standard error, and the .want
// beside it what is read from it: whole, byte by byte, and with carriage returns.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text := string(raw)
			got := renderAll(crashes(text, 0))
			wantFile := strings.TrimSuffix(file, ".txt") + ".want"
			if *update {
				if err := os.WriteFile(wantFile, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if again := renderAll(crashes(text, 1)); again != got {
				t.Errorf("byte by byte\n%s\nwant\n%s", again, got)
			}
			if again := renderAll(crashes(strings.ReplaceAll(text, "\n", "\r\n"), 7)); again != got {
				t.Errorf("with carriage returns\n%s\nwant\n%s", again, got)
			}
			sameFingerprints(t, text)
		})
	}
}

func renderAll(all []*dump.Crash) string {
	var b strings.Builder
	for _, c := range all {
		b.WriteString(render(c))
	}
	return b.String()
}

// sameFingerprints checks that in-process and in a dump the same stack is the same fault.
func sameFingerprints(t *testing.T, text string) {
	t.Helper()
	all := goroutines(t, text)
	i := 0
	for n, part := range strings.Split("\n"+text, "\ngoroutine ") {
		if n == 0 {
			continue // what is above the first one
		}
		part = "goroutine " + part
		if want, ok := stack.FingerprintText(part); ok && i < len(all) {
			if got := all[i].Fingerprint(); got != want {
				t.Errorf("fingerprint %s, in process %s, of\n%s", got, want, part)
			}
			i++
		}
	}
	if i != len(all) {
		t.Errorf("%d goroutines, %d were read", i, len(all))
	}
	if c := crashes(text, 0); len(c) == 1 {
		if want, ok := stack.FingerprintText(text); ok && c[0].Fingerprint() != want {
			t.Errorf("fingerprint %s of the crash, in process %s", c[0].Fingerprint(), want)
		}
	}
}
