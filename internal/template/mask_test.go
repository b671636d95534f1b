package template_test

import (
	"strings"
	"testing"

	"github.com/hale-go/hale/internal/template"
)

func TestMask(t *testing.T) {
	for line, want := range map[string]string{
		"":                      "",
		"   ":                   "",
		"started":               "started",
		"  two   words\t here ": "two words here",
		"listening, ready; go.": "listening, ready; go.",

		// Numbers and what has a digit.
		"took 12 tries":                "took <*> tries",
		"delta -3.5e7":                 "delta <*>",
		"at 0x7ffd03":                  "at <*>",
		"node r02-m1 is up":            "node <*> is up",
		"step 3/7...":                  "step <*>...",
		"commit deadbeef of the table": "commit <*> of the table",
		"a decade of beef":             "a decade of beef",

		// Identifiers, addresses, names of places.
		"request 6ba7b810-9dad-11d1-80b4-00c04fd430c8 done": "request <*> done",
		"from 10.0.0.7:41722":                               "from <*>",
		"from [2001:db8::1]:443":                            "from [<*>]<*>",
		"dial tcp db.internal:5432: refused":                "dial tcp <*>: refused",
		"panic in server.go:118":                            "panic in <*>",
		"open /etc/app/config.yaml: no such":                "open <*>: no such",
		`open C:\app\config: no such`:                       `open <*>: no such`,
		`share \\files\public`:                              `share <*>`,
		"and/or / either":                                   "and/or / either",
		"get https://example.com/a?b=c&d=e done":            "get <*> done",
		`"GET /orders/all?user=x&n=y HTTP/1.1"`:             `"GET <*>"`,

		// Keys and values.
		"user=bob host=alpha ok":         "user=<*> host=<*> ok",
		`msg="two words" err='x y' done`: "msg=<*> err=<*> done",
		`msg="no end`:                    `msg="no end`,
		"ready=true, open=NO":            "ready=true, open=NO",
		"state:ready code:7":             "state:ready code:<*>",
		"pkg::Type::method":              "pkg::Type::method",
		"a == b":                         "a == b",
		"conn=Conn{7} closed":            "conn=<*> closed",
		"x[3] is":                        "x[<*>] is",
		"x1[3] is":                       "<*> is",

		// Sizes, durations, dates.
		"read 12 KB in 3 ms":               "read <*> in <*>",
		"read 12KB in 3.5ms":               "read <*> in <*>",
		"bytes are read":                   "bytes are read",
		"on Sat Jul 2 06:27:36 PDT 2005 x": "on <*> x",
		"May I?":                           "May I?",

		// Lists.
		"ids [1, 2, 3] of":  "ids [<*>] of",
		"ids [1 2 3 4] of":  "ids [<*>] of",
		"ids 1,2,3 of":      "ids <*> of",
		"ids [1,a,3] of":    "ids [<*>,a,<*>] of",
		"f(1) and g(2, 3)":  "f(<*>) and g(<*>)",
		"f(1)(2) and (3) x": "f(<*>)(<*>) and (<*>) x",

		// What is not text.
		"caf\u00e9 is open":      "caf\u00e9 is open",
		"got \xff\xfe as name":   "got <*> as name",
		"a\x00b":                 "a b",
		"line one\nline two\r\n": "line one line two",
		"literally <*> here":     "literally <*> here",
	} {
		m := template.New()
		if got := m.Text(m.Match(line)); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// TestLiteralWildcard tells a value from a text that looks like one.
func TestLiteralWildcard(t *testing.T) {
	m := template.New()
	if ids := matchAll(m, "got 5 here", "got <*> here"); ids[0] == ids[1] {
		t.Error("the text <*> counts as a value")
	}
}

// TestSpaces keeps a=b and a = b apart, but not one blank and two.
func TestSpaces(t *testing.T) {
	m := template.New()
	ids := matchAll(m, "a (b) c", "a  (b)\tc ", "a(b) c")
	if ids[0] != ids[1] || ids[0] == ids[2] {
		t.Errorf("IDs %v", ids)
	}
}

func TestLongLines(t *testing.T) {
	m := template.New()
	for name, line := range map[string]string{
		"no blanks":   strings.Repeat("x", 1<<20),
		"digits":      strings.Repeat("7", 1<<20),
		"words":       strings.Repeat("word ", 1<<18),
		"signs":       strings.Repeat("{[(<=,", 1<<17),
		"colons":      strings.Repeat("a:", 1<<19),
		"quotes":      "x=" + strings.Repeat(`"`, 1<<20),
		"blanks":      strings.Repeat(" ", 1<<20),
		"not utf-8":   strings.Repeat("\xff ", 1<<19),
		"values":      strings.Repeat("a1 b ", 1<<18),
		"query":       "/a/b?" + strings.Repeat("x=y&", 1<<18),
		"no end here": `x="` + strings.Repeat("y", 1<<20),
	} {
		id := m.Match(line)
		if text := m.Text(id); len(text) > 8<<10 {
			t.Errorf("%s: a text of %d bytes", name, len(text))
		}
		if again := m.Match(line); again != id {
			t.Errorf("%s: %d, then %d", name, id, again)
		}
	}
}

// TestCutWord keeps a line that is cut in the middle of a word from having a new
// template for each length of its values.
func TestCutWord(t *testing.T) {
	m := template.New()
	tail := " " + strings.Repeat("long", 2000)
	if ids := matchAll(m, "id 7"+tail, "id 12345"+tail); ids[0] != ids[1] {
		t.Errorf("%q", texts(m))
	}
}
