package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hale-go/hale"
)

// mail sends the invoices that are due, for ever.
func (s *service) mail(ctx context.Context) error {
	task := hale.FromContext(ctx)
	for {
		task.Beat()
		id, err := s.store.due()
		if err != nil {
			return err
		}
		if id == 0 {
			if err := rest(ctx, pause); err != nil {
				return err
			}
			continue
		}
		s.write(ctx, id)
		if err := rest(ctx, 5*time.Millisecond); err != nil { // the mail server's answer
			return err
		}
		if err := s.store.sent(id); err != nil {
			return err
		}
		s.log.InfoContext(ctx, "invoice mailed", "order", id)
	}
}

// write makes the letter. With the fault on it meets what it cannot bear, some
// way into the work.
func (s *service) write(ctx context.Context, id uint64) string {
	if hit, _ := s.faults[faultPanic].strikes(); hit && rest(ctx, 100*time.Millisecond) == nil {
		panic("invoice template has no currency")
	}
	return fmt.Sprintf("Thank you for order %d.", id)
}
