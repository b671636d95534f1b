package detect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// PanelError tells which detectors did not do what the panel asked of them, by their
// names. All others did.
type PanelError map[string]error

// Error names the detectors, sorted.
func (e PanelError) Error() string {
	var s strings.Builder
	s.WriteString("detect:")
	for _, name := range slices.Sorted(maps.Keys(e)) {
		fmt.Fprintf(&s, " %s: %v;", name, e[name])
	}
	return strings.TrimSuffix(s.String(), ";")
}

// Unwrap returns what each of them did wrong, sorted by their names.
func (e PanelError) Unwrap() (all []error) {
	for _, name := range slices.Sorted(maps.Keys(e)) {
		all = append(all, e[name])
	}
	return all
}

// Hint tells what to do.
func (e PanelError) Hint() string {
	return "mend State, Baseline and SetBaseline of these detectors; haletest.Detector shows what is expected"
}

func (e PanelError) orNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}
