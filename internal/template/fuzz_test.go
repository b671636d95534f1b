package template_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hale-go/hale/internal/template"
)

func FuzzMatch(f *testing.F) {
	f.Add("user bob came in\nuser ann came in\nuser eve came in\nuser \xff came in")
	f.Add("ids [1, 2] x=\"y z\" a::b:c http://h/p?q=1&r 3 ms Sat Jul 2\n, 1 (2) {3}=,,4")
	f.Add("\"a\" b\n\"b\" b\n\"c\" b\n\"d\" b")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		a, b := template.New(), template.New()
		for _, line := range lines {
			id := a.Match(line)
			if other := b.Match(line); other != id {
				t.Fatalf("%q: %d and %d", line, id, other)
			}
			if again := a.Match(line); again != id {
				t.Fatalf("%q: %d, then %d", line, id, again)
			}
			b.Match(line)
			got := a.Text(id)
			if !utf8.ValidString(got) || len(got) > 2*len(line)+5 && len(got) > 8<<10 {
				t.Fatalf("%q: text %q", line, got)
			}
		}
		all := a.Templates()
		if len(all) > len(lines) || !slices.Equal(all, b.Templates()) {
			t.Fatalf("%v and %v", all, b.Templates())
		}
		var sum uint64
		for _, tm := range all {
			sum += tm.Lines
		}
		if sum != 2*uint64(len(lines)) {
			t.Fatalf("%d lines counted of %d", sum, 2*len(lines))
		}
		again := restored(t, a)
		for _, line := range lines {
			if got, want := again.Match(line), a.Match(line); got != want {
				t.Fatalf("%q: %d before the restart, %d after", line, want, got)
			}
		}
	})
}

func FuzzSetState(f *testing.F) {
	f.Add([]byte(`{"version":1,"next":3,"templates":[{"id":1,"lines":2,"parts":["wa"," v","s,"]}]}`))
	f.Add([]byte(`{"version":1,"next":4096,"other":9}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := template.New()
		if m.SetState(raw) != nil {
			return
		}
		if again := restored(t, m); !slices.Equal(again.Templates(), m.Templates()) {
			t.Fatalf("%v and %v", again.Templates(), m.Templates())
		}
		m.Match("a 7, b")
		m.Match("user bob came in")
	})
}
