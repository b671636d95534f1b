package template_test

import (
	"testing"

	"github.com/hale-go/hale/internal/template"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// matchAll matches the lines one after the other.
func matchAll(m *template.Miner, lines ...string) []template.ID {
	ids := make([]template.ID, len(lines))
	for i, line := range lines {
		ids[i] = m.Match(line)
	}
	return ids
}

// texts returns the texts of all templates.
func texts(m *template.Miner) []string {
	var out []string
	for _, t := range m.Templates() {
		out = append(out, t.Text)
	}
	return out
}

// restored returns a miner with the state of m.
func restored(t testing.TB, m *template.Miner) *template.Miner {
	t.Helper()
	raw, err := m.State()
	if err != nil {
		t.Fatal(err)
	}
	again := template.New()
	if err := again.SetState(raw); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	return again
}
