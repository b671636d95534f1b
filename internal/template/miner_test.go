package template_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hale-go/hale/internal/template"
)

// words that no rule takes for anything but words, in no order.
var words = strings.Fields("apple brick cloud drone eagle flute grape house igloo jelly knife lemon mango nurse olive piano")

func with(pattern string, values []string) []string {
	var out []string
	for _, v := range values {
		out = append(out, strings.ReplaceAll(pattern, "$", v))
	}
	return out
}

func TestSiblings(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  []string
	}{
		"few words stay apart": {
			with("user $ came in", words[:7]), with("user $ came in", words[:7]),
		},
		"many words are a value": {
			with("user $ came in", words[:8]), []string{"user <*> came in"},
		},
		"dotted names sooner": {
			with("calling com.example.$ now", words[:3]), []string{"calling <*> now"},
		},
		"quoted ones too": {
			with(`name "$" is taken`, words[:3]), []string{`name "<*>" is taken`},
		},
		"but not the first of several in quotes": {
			with(`got "$ it" now`, words[:3]), with(`got "$ it" now`, words[:3]),
		},
		"and what was a value before": {
			[]string{"rank 7 is off", "rank apple is off", "rank brick is off"}, []string{"rank <*> is off"},
		},
		"two states never": {
			with("screen is $", []string{"on", "off", "ON", "Off", "yes", "no", "true", "false", "Yes"}),
			with("screen is $", []string{"on", "off", "ON", "Off", "yes", "no", "true", "false", "Yes"}),
		},
		"nothing may be left": {
			words, words,
		},
		"two places at a time stay apart": {
			[]string{"a apple b brick", "a cloud b drone", "a eagle b flute", "a grape b house", "a igloo b jelly", "a knife b lemon", "a mango b nurse", "a olive b piano"},
			[]string{"a apple b brick", "a cloud b drone", "a eagle b flute", "a grape b house", "a igloo b jelly", "a knife b lemon", "a mango b nurse", "a olive b piano"},
		},
		"one place after the other": {
			append(with("from $ to apple by car", words[:9]), with("from apple to $ by car", words[1:9])...),
			[]string{"from <*> to <*> by car"},
		},
	} {
		m := template.New()
		matchAll(m, c.lines...)
		if got := texts(m); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestMerges follows counts by what Merges reports.
func TestMerges(t *testing.T) {
	m := template.New()
	lines := map[template.ID]uint64{}
	var merges []template.Merge
	for _, line := range append(with("user $ came in", words), with("user $ left", words)...) {
		for range 3 {
			lines[m.Match(line)]++
			for _, g := range m.Merges() {
				merges = append(merges, g)
				lines[g.Into] += lines[g.From]
				delete(lines, g.From)
			}
		}
	}
	if len(merges) != 12 || m.Merges() != nil {
		t.Errorf("%d merges: %v", len(merges), merges)
	}
	for _, g := range merges {
		if m.Current(g.From) != g.Into || m.Text(g.From) != m.Text(g.Into) {
			t.Errorf("%v: now part of %d, text %q", g, m.Current(g.From), m.Text(g.From))
		}
	}
	want := []template.Template{{1, "user <*> came in", 48}, {8, "user <*> left", 48}}
	if got := m.Templates(); !slices.Equal(got, want) {
		t.Errorf("templates %v", got)
	}
	for _, w := range want {
		if lines[w.ID] != w.Lines {
			t.Errorf("followed %v, want %v", lines, want)
		}
	}
}

// TestCovered takes in a template that differs in two words from all others.
func TestCovered(t *testing.T) {
	m := template.New()
	first := m.Match("from piano to olive by car")
	matchAll(m, with("from $ to apple by car", words[:9])...)
	matchAll(m, with("from apple to $ by car", words[:9])...)
	if got := texts(m); len(got) != 1 || got[0] != "from <*> to <*> by car" {
		t.Errorf("%q", got)
	}
	if again := m.Match("from piano to olive by car"); again != m.Current(first) {
		t.Errorf("%d became %d, and matches %d", first, m.Current(first), again)
	}
}

func TestUnknownID(t *testing.T) {
	m := template.New()
	m.Match("a line")
	for _, id := range []template.ID{2, template.MaxTemplates, 65535} {
		if text := m.Text(id); text != "" || m.Current(id) != template.Other {
			t.Errorf("ID %d: text %q, now %d", id, text, m.Current(id))
		}
	}
	if id := m.Match("a line"); id != 1 || m.Text(id) != "a line" {
		t.Errorf("ID %d, text %q", id, m.Text(id))
	}
}

// letterWord returns the nth word without digits.
func letterWord(n int) string {
	var b []byte
	for range 5 {
		b = append(b, byte('g'+n%16))
		n /= 16
	}
	return string(b)
}

// TestFull fills the miner with lines that have nothing in common.
func TestFull(t *testing.T) {
	m := template.New()
	line := func(i int) string {
		return strings.Repeat("(", i/128) + letterWord(i) + " " + letterWord(3*i+1) + " " + letterWord(7*i+2)
	}
	const extra = 100
	for i := range template.MaxTemplates - 1 + extra {
		if id := m.Match(line(i)); (id == template.Other) != (i >= template.MaxTemplates-1) {
			t.Fatalf("line %d has ID %d", i, id)
		}
	}
	all := m.Templates()
	if first := all[0]; len(all) != template.MaxTemplates || first != (template.Template{ID: template.Other, Text: "<other>", Lines: extra}) {
		t.Errorf("%d templates, first %v", len(all), first)
	}
	if id := m.Match(line(0)); id != 1 {
		t.Errorf("a line that was known has ID %d", id)
	}
	again := restored(t, m)
	if !slices.Equal(again.Templates(), m.Templates()) {
		t.Error("a full miner is not the same after a restart")
	}
	if id := again.Match("something else"); id != template.Other {
		t.Errorf("a full miner gave ID %d after a restart", id)
	}
}

// TestFreeText sends lines of one shape that have nothing in common. Others
// still find room.
func TestFreeText(t *testing.T) {
	m := template.New()
	const most = 256
	for i := range 2 * most {
		id := m.Match(letterWord(i) + " " + letterWord(3*i+1) + " " + letterWord(7*i+2))
		if (id == template.Other) != (i >= most) {
			t.Fatalf("line %d has ID %d", i, id)
		}
	}
	if id := m.Match("of another shape, though"); id != most+1 {
		t.Errorf("ID %d", id)
	}
}

// TestManyValues sends more values through a place than the cache holds.
func TestManyValues(t *testing.T) {
	m := template.New()
	matchAll(m, with("user $ came in", words)...)
	for i := range 40_000 {
		if id := m.Match("user " + letterWord(i) + " came in"); id != 1 {
			t.Fatalf("line %d has ID %d", i, id)
		}
	}
	if got := texts(m); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// TestConcurrent has many goroutines learn the same lines.
func TestConcurrent(t *testing.T) {
	m := template.New()
	const goroutines, rounds = 8, 50
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for r := range rounds {
				for i := range words {
					w := words[(i+g)%len(words)]
					m.Match("user " + w + " came in")
					m.Match(fmt.Sprintf("task %d of %s %s", r, w, words[i]))
				}
				switch g {
				case 0:
					m.Merges()
				case 1:
					m.Templates()
				case 2:
					m.Text(m.Current(template.ID(r)))
				case 3:
					if _, err := m.State(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	var lines uint64
	for _, tm := range m.Templates() {
		lines += tm.Lines
	}
	if want := uint64(goroutines * rounds * len(words) * 2); lines != want {
		t.Errorf("%d lines counted, want %d", lines, want)
	}
	if id := m.Match("user zebra came in"); m.Text(id) != "user <*> came in" {
		t.Errorf("%q", m.Text(id))
	}
}
