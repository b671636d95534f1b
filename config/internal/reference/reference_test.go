package reference_test

import (
	"strings"
	"testing"

	"github.com/hale-go/hale/config/internal/reference"
)

func TestWrite(t *testing.T) {
	text, err := reference.Write("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| `tick` | duration | 1s | `tick` is how often the loop takes a turn",
		"| `count`, `window` | whole number, duration | 4 within 30s |",
		"| `act` | `observe`, `contain`, `full` | observe |",
		"See [`domains.<name>`](#domainsname).",
		"## `logs.patterns[]`",
		"| `max_open` | duration | 1m, or `open` where that is more |",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("it lacks %s", want)
		}
	}
	for _, code := range []string{"`abort`", "| `` |"} { // only code can set it
		if strings.Contains(string(text), code) {
			t.Errorf("it has %s", code)
		}
	}
	if _, err := reference.Write(t.TempDir()); err == nil {
		t.Error("a folder without sources")
	}
}
