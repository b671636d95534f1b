package template_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hale-go/hale/internal/template"
)

func TestState(t *testing.T) {
	m := template.New()
	lines := slices.Concat(
		with("user $ came in", words),
		with("user $ left early", words[:5]),
		[]string{"", "caf\u00e9 \xff <*> open", `a "b c" {d}`, "count 7 of 9", "  spaced  out. "},
	)
	matchAll(m, lines...)
	again := restored(t, m)
	if got, want := again.Templates(), m.Templates(); !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if ids := matchAll(again, lines...); !slices.Equal(ids, current(m, lines)) {
		t.Errorf("IDs changed over the restart: %v", ids)
	}
	// What was one step from a merge still is, and no ID is given twice.
	before := again.Templates()
	ids := matchAll(again, with("user $ left early", words[5:])...)
	if got := again.Text(ids[len(ids)-1]); got != "user <*> left early" {
		t.Errorf("text %q", got)
	}
	if id := again.Match("something else"); int(id) <= int(before[len(before)-1].ID) {
		t.Errorf("ID %d was given before", id)
	}
}

// current matches the lines again.
func current(m *template.Miner, lines []string) []template.ID { return matchAll(m, lines...) }

func TestStateIsFinal(t *testing.T) {
	m := template.New()
	matchAll(m, "first", "second")
	raw, err := m.State()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"version":1,"next":3,"templates":[{"id":1,"lines":1,"parts":["wfirst"]},{"id":2,"lines":1,"parts":["wsecond"]}]}`
	if string(raw) != want {
		t.Errorf("state %s", raw)
	}
	other := template.New()
	matchAll(other, "third", "second", "first", "fourth")
	if err := other.SetState(raw); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(other.Templates(), m.Templates()) {
		t.Errorf("templates %v", other.Templates())
	}
	if ids := matchAll(other, "first", "third"); ids[0] != 1 || ids[1] != 3 {
		t.Errorf("IDs %v", ids)
	}
}

func TestBadState(t *testing.T) {
	long := `"w` + strings.Repeat("x", 5000) + `"`
	many := strings.Repeat(`"wx",`, 97)
	for raw, place := range map[string]string{
		``:                            "",
		`null`:                        "version",
		`[]`:                          "",
		`{"version":2,"next":1}`:      "version",
		`{"version":1,"next":0}`:      "next",
		`{"version":1,"next":5000}`:   "next",
		`{"version":1,"next":"many"}`: "",
		`{"version":1,"next":3,"templates":[{"id":0}]}`:                                                 "templates[0].id",
		`{"version":1,"next":3,"templates":[{"id":3}]}`:                                                 "templates[0].id",
		`{"version":1,"next":3,"templates":[{"id":-1}]}`:                                                "",
		`{"version":1,"next":3,"templates":[{"id":1,"lines":-1}]}`:                                      "",
		`{"version":1,"next":3,"templates":[{"id":2,"parts":["wa"]},{"id":1,"parts":["wb"]}]}`:          "templates[1].id",
		`{"version":1,"next":3,"templates":[{"id":1,"parts":["wa"]},{"id":2,"parts":["wa"]}]}`:          "templates[1]",
		`{"version":1,"next":3,"templates":[{"id":1,"parts":["xa"]}]}`:                                  "templates[0].parts[0]",
		`{"version":1,"next":3,"templates":[{"id":1,"parts":["wa",""]}]}`:                               "templates[0].parts[1]",
		`{"version":1,"next":3,"templates":[{"id":1,"parts":["wa"," "]}]}`:                              "templates[0].parts[1]",
		`{"version":1,"next":3,"templates":[{"id":1,"parts":["w"]}]}`:                                   "templates[0].parts[0]",
		`{"version":1,"next":3,"templates":[{"id":1,"parts":["vsecret"]}]}`:                             "templates[0].parts[0]",
		`{"version":1,"next":3,"templates":[{"id":1,"parts":[` + long + `]}]}`:                          "templates[0].parts[0]",
		`{"version":1,"next":3,"templates":[{"id":1,"parts":[` + strings.TrimSuffix(many, ",") + `]}]}`: "templates[0].parts",
	} {
		m := template.New()
		m.Match("kept as it is")
		want := m.Templates()
		err := m.SetState([]byte(raw))
		bad, ok := errors.AsType[*template.StateError](err)
		if !ok || bad.Place != place || bad.Hint() == "" || !strings.HasPrefix(err.Error(), "template: state") || len(err.Error()) > 300 {
			t.Errorf("%.80s: error %v", raw, err)
		}
		if ok && place != "" && !strings.Contains(err.Error(), place) {
			t.Errorf("%.80s: %v does not name %s", raw, err, place)
		}
		if !slices.Equal(m.Templates(), want) || m.Match("kept as it is") != 1 {
			t.Errorf("%.80s: changed the miner", raw)
		}
	}
}
