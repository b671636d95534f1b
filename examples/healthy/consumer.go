package healthy

import (
	"context"
	"time"

	"github.com/hale-go/hale"
)

// consume starts the work that lives as long as the service.
func (s *Service) consume(ctx context.Context) {
	for range 3 {
		s.workers = append(s.workers, s.rt.Go(ctx, "orders.consume", s.take,
			hale.Heartbeat(2*time.Second), hale.Restart(hale.Permanent)))
	}
	s.workers = append(s.workers, s.rt.Go(ctx, "stock.publish", s.stock))
}

// take takes orders off the queue. It beats also when there are none.
func (s *Service) take(ctx context.Context) error {
	task := hale.FromContext(ctx)
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case id := <-s.orders:
			if _, err := s.db.ExecContext(ctx, "UPDATE orders SET seen = TRUE WHERE id = ?", id); err != nil {
				return err
			}
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		task.Beat()
	}
}

// stock publishes a number ten times a second.
func (s *Service) stock(ctx context.Context) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ticker.C:
			s.broker.publish(n)
		case <-ctx.Done():
			return nil
		}
	}
}
