package standby

import (
	"context"
	"fmt"

	"github.com/hale-go/hale"
)

// health is what hale was told of a switch. It belongs to Run.
type health struct {
	name string
	told string // the text of the error that hale knows, "" for none
}

// report tells hale how the switch is, if that is news.
func (h *health) report(ctx context.Context, unwell error) {
	text := ""
	if unwell != nil {
		text = unwell.Error()
	}
	if text == h.told {
		return
	}
	h.told = text
	hale.ReportHealth(ctx, h.name, unwell)
}

// part is what hale knows the switch as: by its task, where it has one, as two switches may have the
// same sides.
func (sw *Switch[T]) part(ctx context.Context) string {
	name := hale.Identify(ctx).Name
	if name == "" {
		name = sw.sides[0].Name + "/" + sw.sides[1].Name
	}
	return "standby:" + name
}

// unwell returns why people should look at the switch, nil if they need not: no side can be used, or
// the standby is, and nobody asked for that.
func (sw *Switch[T]) unwell() error {
	if sw.first {
		return nil // nothing is known yet
	}
	if v := sw.view.Load(); v.err != nil {
		return v.err
	}
	if sw.active == 0 || sw.why == Asked {
		return nil
	}
	used, left := &sw.sides[sw.active], &sw.sides[0]
	switch {
	case left.verdict == passed && left.stale:
		return fmt.Errorf("standby: %s is used, and %s answers again but lacks writes", used.Name, left.Name)
	case left.verdict == passed:
		return fmt.Errorf("standby: %s is used, and %s could be", used.Name, left.Name)
	case left.last != nil:
		return fmt.Errorf("standby: %s is used: %w", used.Name, left.last)
	}
	return fmt.Errorf("standby: %s is used, not %s", used.Name, left.Name)
}
