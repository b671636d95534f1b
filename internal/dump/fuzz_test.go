package dump_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hale-go/hale/internal/dump"
	"github.com/hale-go/hale/internal/stack"
)

// Anything can be read, in pieces of any size with the same outcome, and within bounds.
func FuzzParser(f *testing.F) {
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil && len(raw) < 20<<10 {
			f.Add(string(raw), uint8(7))
		}
	}
	f.Add("SIGQUIT: quit\nPC=0x1 m=0\n\n-----\n\nSIGQUIT: quit\nPC=0x1\n\ngoroutine 1 [a (leaked), 7 minutes] {\"a\": b, c: \"\\u00e9\"}:\nf(...)\n\t:1\ncreated by x in goroutine 7\r\n", uint8(1))
	f.Add("panic: a\r\n\tpanic: b [recovered]\n[signal SIGSEGV: x]\n\ngoroutine 0 [idle]:\n...7 frames elided...\n[originating from goroutine 3]:\nx\n\ty:1 pc=0x1\n", uint8(13))
	f.Fuzz(func(t *testing.T, text string, piece uint8) {
		want := crashes(text, 0)
		for _, c := range want {
			if c.Kind == "" || len(c.Goroutines) > dump.MaxGoroutines || len(c.Nested) > dump.MaxNested || len(c.Notes) > dump.MaxNested || len(c.Message) > dump.MaxMessage*3 || len(c.System) > dump.MaxFrames {
				t.Errorf("%s", render(c))
			}
			for i := range c.Goroutines {
				bounded(t, &c.Goroutines[i])
			}
		}
		if got, want := renderAll(crashes(text, int(piece%64)+1)), renderAll(want); got != want {
			t.Errorf("in pieces of %d\n%s\nwant\n%s", piece%64+1, got, want)
		}
		var all []*dump.Goroutine
		p := dump.Parser{Goroutine: func(g *dump.Goroutine) { bounded(t, g); all = append(all, g) }}
		feed(&p, text, int(piece))
		if got, want := renderAllOf(all), renderAllOf(goroutines(t, text)); got != want {
			t.Errorf("as a stream\n%s\nas a dump\n%s", got, want)
		}
	})
}

func bounded(t *testing.T, g *dump.Goroutine) {
	if len(g.Frames) > dump.MaxFrames || len(g.Ancestors) > dump.MaxAncestors || len(g.Labels) > dump.MaxLabels || len(g.State) > 3*dump.MaxName || g.Wait < 0 || g.Elided < -1 {
		t.Errorf("%s", renderGoroutine(g, "goroutine"))
	}
	for i := range g.Ancestors {
		bounded(t, &g.Ancestors[i])
	}
}

// Of stacks that nobody writes into, the fingerprint in process is that of the dump.
func FuzzFingerprint(f *testing.F) {
	f.Add("main.f", "net/http.(*Server).Serve", "panic", true)
	f.Add("runtime.gopanic", "main.f[...]", "runtime/debug.Stack", false)
	f.Fuzz(func(t *testing.T, a, b, c string, created bool) {
		var text strings.Builder
		text.WriteString("goroutine 7 [running]:\n")
		for _, name := range []string{a, b, c, a, b} {
			if len(name) > dump.MaxName {
				return
			}
			for _, r := range name {
				if r < '!' || r > '~' {
					return // no name
				}
			}
			text.WriteString(name + "(0x1)\n\t/app/main.go:12 +0x1d\n")
		}
		if created {
			text.WriteString("created by main.main in goroutine 1\n\t/app/main.go:7 +0x1\n")
		}
		all := goroutines(t, text.String())
		want, ok := stack.FingerprintText(text.String())
		if len(all) == 0 || !ok || all[0].ID != 7 {
			return // a name that reads like something else
		}
		if got := all[0].Fingerprint(); len(all) == 1 && got != want {
			t.Errorf("%s, in process %s, of\n%s", got, want, text.String())
		}
	})
}
