package dump_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hale-go/hale/internal/dump"
	"go.uber.org/goleak"
)

// built is the folder of a program that was built for a test, or empty.
var built string

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if built != "" {
			_ = os.RemoveAll(built)
		}
		os.Exit(code)
	}))
}

// crashes feeds the text in pieces of so many bytes; 0 is in one.
func crashes(text string, piece int) (out []*dump.Crash) {
	p := dump.Parser{Crash: func(c *dump.Crash) { out = append(out, c) }}
	feed(&p, text, piece)
	return out
}

func feed(p *dump.Parser, text string, piece int) {
	if piece <= 0 {
		piece = max(1, len(text))
	}
	for len(text) > 0 {
		n := min(piece, len(text))
		if written, err := p.Write([]byte(text[:n])); written != n || err != nil {
			panic(fmt.Sprint(written, err))
		}
		text = text[n:]
	}
	p.Flush()
}

// goroutines reads the text as a dump.
func goroutines(t testing.TB, text string) (out []*dump.Goroutine) {
	t.Helper()
	for g, err := range dump.Goroutines(strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, g)
	}
	return out
}

// render writes a crash for golden files.
func render(c *dump.Crash) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kind %s\n", c.Kind)
	field(&b, "message", c.Message, c.Message != "")
	for _, s := range c.Nested {
		field(&b, "nested", s, true)
	}
	field(&b, "signal", c.Signal, c.Signal != "")
	for _, s := range c.Notes {
		field(&b, "note", s, true)
	}
	field(&b, "dropped", c.Dropped, c.Dropped > 0)
	field(&b, "survived", c.Survived, c.Survived)
	field(&b, "truncated", c.Truncated, c.Truncated)
	field(&b, "fingerprint", c.Fingerprint(), true)
	frames(&b, "system ", c.System)
	for i := range c.Goroutines {
		b.WriteString(renderGoroutine(&c.Goroutines[i], "goroutine"))
	}
	return b.String()
}

func field(b *strings.Builder, name string, v any, ok bool) {
	if ok {
		fmt.Fprintf(b, "%s %#v\n", name, v)
	}
}

func frames(b *strings.Builder, prefix string, all []dump.Frame) {
	for _, f := range all {
		fmt.Fprintf(b, "  %s%s %s:%d\n", prefix, f.Func, f.File, f.Line)
	}
}

func renderGoroutine(g *dump.Goroutine, word string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d %q", word, g.ID, g.State)
	if g.Wait > 0 {
		fmt.Fprintf(&b, " wait %s", g.Wait)
	}
	for _, flag := range []struct {
		name string
		on   bool
	}{{"locked", g.Locked}, {"leaked", g.Leaked}, {"durable", g.Durable}} {
		if flag.on {
			b.WriteString(" " + flag.name)
		}
	}
	if g.Bubble > 0 {
		fmt.Fprintf(&b, " bubble %d", g.Bubble)
	}
	for _, l := range g.Labels {
		fmt.Fprintf(&b, " %q=%q", l.Key, l.Value)
	}
	b.WriteByte('\n')
	frames(&b, "", g.Frames)
	if g.Elided != 0 {
		fmt.Fprintf(&b, "  elided %d\n", g.Elided)
	}
	if g.CreatedBy != (dump.Frame{}) {
		frames(&b, fmt.Sprintf("created in %d by ", g.CreatedIn), []dump.Frame{g.CreatedBy})
	}
	for i := range g.Ancestors {
		b.WriteString(renderGoroutine(&g.Ancestors[i], "  ancestor"))
	}
	return b.String()
}
