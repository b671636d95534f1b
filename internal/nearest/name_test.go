package nearest_test

import (
	"strings"
	"testing"

	"github.com/hale-go/hale/internal/nearest"
)

func TestName(t *testing.T) {
	known := []string{"timeout", "max_wait", "recommendations", "db"}
	for name, want := range map[string]string{
		"timeuot": "timeout", "timeo": "timeout", "maxWait": "max_wait", "Recomendations": "recommendations", "time": "", "dp": "", "": "",
		strings.Repeat("timeout", 20): "",
	} {
		if got := nearest.Name(name, known); got != want {
			t.Errorf("%q may be %q, want %q", name, got, want)
		}
	}
}
