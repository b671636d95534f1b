package main

import (
	"context"
	"encoding/json"
	"time"

	bolt "go.etcd.io/bbolt"

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

// unpaid returns the order that is to be charged next, the zero order if there is none.
func (s *store) unpaid() (o order, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		k, _ := tx.Bucket(bucketUnpaid).Cursor().First()
		if k == nil {
			return nil
		}
		return json.Unmarshal(tx.Bucket(bucketOrders).Get(k), &o)
	})
	return o, err
}

// paid notes that an order was charged.
func (s *store) paid(id uint64, payment string) error {
	err := s.update(func(tx *bolt.Tx) error {
		orders := tx.Bucket(bucketOrders)
		var o order
		if err := json.Unmarshal(orders.Get(key(id)), &o); err != nil {
			return err
		}
		o.Payment = payment
		value, err := json.Marshal(o)
		if err != nil {
			return err
		}
		if err := orders.Put(key(id), value); err != nil {
			return err
		}
		return tx.Bucket(bucketUnpaid).Delete(key(id))
	})
	if err == nil {
		s.settled.Add(1)
	}
	return err
}
