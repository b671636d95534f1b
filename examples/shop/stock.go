package main

import (
	"context"
	"time"

	"github.com/hale-go/hale"
)

// countStock is the shop's ticker job. Nothing ever hurts it: it is here to
// show that what is healthy stays untouched.
func (s *service) countStock(ctx context.Context) error {
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for {
		hale.Beat(ctx)
		s.counts.Add(1)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}
