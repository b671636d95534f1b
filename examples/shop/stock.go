package main

import (
	"context"
	"time"

	"github.com/hale-go/hale"
)

// countStock is the shop's ticker job. With the fault on it goes on and does
// nothing, which nobody notices but by its silence.
func (s *service) countStock(ctx context.Context) error {
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for {
		hale.Beat(ctx)
		if hit, _ := s.faults[faultSilence].strikes(); !hit {
			s.log.InfoContext(ctx, "stock counted", "turn", s.counts.Add(1))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}
