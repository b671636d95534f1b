package resource_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale/internal/resource"
	"github.com/hale-go/hale/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// plant makes the files of a tree: "-- name --" and then its text, or "-- name ->
// target --" for a link.
func plant(t testing.TB, text string) (root string) {
	t.Helper()
	root = t.TempDir()
	var name string
	var body strings.Builder
	flush := func() {
		if name != "" {
			write(t, root, name, body.String())
		}
		name = ""
		body.Reset()
	}
	for line := range strings.Lines(text) {
		head, is := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		head, ends := strings.CutSuffix(head, " --")
		if !is || !ends {
			body.WriteString(line)
			continue
		}
		flush()
		if link, target, is := strings.Cut(head, " -> "); is {
			if err := os.MkdirAll(filepath.Join(root, filepath.Dir(link)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		name = head
	}
	flush()
	return root
}

func write(t testing.TB, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, name string) (root string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return plant(t, string(text))
}

// steady returns what of a reading does not depend on the machine of the test.
func steady(u *observe.Resources) observe.Resources {
	out := *u
	out.Processors, out.Collector, out.Wait = 0, nil, nil
	if out.Process != nil {
		p := *out.Process
		p.Resident = p.Resident / uint64(os.Getpagesize()) * 4096
		out.Process = &p
	}
	return out
}

func TestGolden(t *testing.T) {
	trees, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(trees) < 8 {
		t.Fatalf("%v, %v", trees, err)
	}
	for _, tree := range trees {
		name := strings.TrimSuffix(filepath.Base(tree), ".txt")
		t.Run(name, func(t *testing.T) {
			r := resource.New(load(t, name))
			r.SetFileLimit(1024, nil)
			got, err := json.MarshalIndent(steady(r.Read(noon)), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			golden := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("got %s\nwant %s", got, want)
			}
		})
	}
}

// The quota bounds the processors where it is tighter than GOMAXPROCS.
func TestProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	r := resource.New(load(t, "v2"))
	for procs, want := range map[int]float64{1: 1, 2: 1.5, 4: 1.5} {
		runtime.GOMAXPROCS(procs)
		if u := r.Read(noon); u.Processors != want || u.Quota != 1.5 {
			t.Errorf("GOMAXPROCS %d: %v processors, a quota of %v", procs, u.Processors, u.Quota)
		}
	}
	runtime.GOMAXPROCS(3)
	if u := resource.New(load(t, "bare")).Read(noon); u.Processors != 3 || u.Quota != 0 {
		t.Errorf("%v processors, a quota of %v", u.Processors, u.Quota)
	}
}

func TestWorkingSet(t *testing.T) {
	for _, test := range []struct{ used, cache, want uint64 }{{10, 3, 7}, {3, 10, 0}, {5, 0, 5}} {
		if got := (observe.MemoryUse{Used: test.used, Cache: test.cache}).WorkingSet(); got != test.want {
			t.Errorf("%d of %d cache: %d", test.used, test.cache, got)
		}
	}
}
