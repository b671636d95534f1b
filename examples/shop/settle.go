package main

import (
	"context"
	"time"

	"github.com/hale-go/hale"
)

// settle charges the orders that were accepted while payments did not answer, for ever.
func (s *service) settle(ctx context.Context) error {
	task := hale.FromContext(ctx)
	for {
		task.Beat()
		o, err := s.store.unpaid()
		if err != nil {
			return err
		}
		if o.ID == 0 {
			if err := rest(ctx, pause); err != nil {
				return err
			}
			continue
		}
		payment, err := s.payments.charge(ctx, o.Key)
		if err != nil { // its breaker is open, most likely
			if err := rest(ctx, 500*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		if err := s.store.paid(o.ID, payment); err != nil {
			return err
		}
		s.log.InfoContext(ctx, "order charged", "order", o.ID)
	}
}
