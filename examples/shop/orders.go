package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

// order is what a customer bought.
type order struct {
	ID      uint64    `json:"id"`
	Item    string    `json:"item"`
	Cents   int       `json:"cents"`
	Payment string    `json:"payment"`
	Key     string    `json:"key"` // under which payments takes the money once, however often it is asked
	Placed  time.Time `json:"placed"`
}

// The buckets of the store. An order is in placed until its event is consumed,
// in invoices until its invoice is mailed, and in unpaid until it is charged, so that a consumer that hangs or
// dies loses nothing: the next one finds its work there.
var (
	bucketOrders   = []byte("orders")
	bucketPlaced   = []byte("placed")
	bucketInvoices = []byte("invoices")
	bucketUnpaid   = []byte("unpaid")
)

// store keeps orders.
type store struct {
	db *bolt.DB

	placed, consumed, mailed, late, settled atomic.Int64
}

func openStore(dir string) (*store, error) {
	db, err := bolt.Open(filepath.Join(dir, "orders.db"), 0o600, &bolt.Options{
		Timeout: time.Second,
		NoSync:  true, // the demo's orders need not survive a power cut
	})
	if err != nil {
		return nil, fmt.Errorf("orders: %w", err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketOrders, bucketPlaced, bucketInvoices, bucketUnpaid} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("orders: %w", err)
	}
	return &store{db: db}, nil
}

func (s *store) close() error { return s.db.Close() }

// place keeps an order and the event that it was placed.
func (s *store) place(ctx context.Context, o order) (order, error) {
	if err := ctx.Err(); err != nil {
		return o, err
	}
	err := s.db.Update(func(tx *bolt.Tx) error {
		orders := tx.Bucket(bucketOrders)
		id, err := orders.NextSequence()
		if err != nil {
			return err
		}
		o.ID, o.Placed = id, time.Now()
		value, err := json.Marshal(o)
		if err != nil {
			return err
		}
		if err := orders.Put(key(id), value); err != nil {
			return err
		}
		if o.Payment == chargedLater {
			if err := tx.Bucket(bucketUnpaid).Put(key(id), nil); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketPlaced).Put(key(id), nil)
	})
	if err == nil {
		s.placed.Add(1)
	}
	if err == nil && o.Payment == chargedLater {
		s.late.Add(1)
	}
	return o, err
}

// latest returns the last n orders, newest first.
func (s *store) latest(n int) ([]order, error) {
	out := make([]order, 0, n)
	err := s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketOrders).Cursor()
		for k, v := c.Last(); k != nil && len(out) < n; k, v = c.Prev() {
			var o order
			if err := json.Unmarshal(v, &o); err != nil {
				return err
			}
			out = append(out, o)
		}
		return nil
	})
	return out, err
}

// consume takes up to n events of placed orders and makes an invoice due for
// each. It returns how many there were.
func (s *store) consume(n int) (int, error) {
	done := 0
	err := s.db.Update(func(tx *bolt.Tx) error {
		placed, invoices := tx.Bucket(bucketPlaced), tx.Bucket(bucketInvoices)
		var keys [][]byte
		c := placed.Cursor()
		for k, _ := c.First(); k != nil && len(keys) < n; k, _ = c.Next() {
			keys = append(keys, append([]byte(nil), k...))
		}
		for _, k := range keys {
			if err := invoices.Put(k, nil); err != nil {
				return err
			}
			if err := placed.Delete(k); err != nil {
				return err
			}
		}
		done = len(keys)
		return nil
	})
	if err != nil {
		return 0, err
	}
	s.consumed.Add(int64(done))
	return done, nil
}

// due returns the order whose invoice is to be mailed next, 0 if there is none.
func (s *store) due() (id uint64, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		if k, _ := tx.Bucket(bucketInvoices).Cursor().First(); k != nil {
			id = binary.BigEndian.Uint64(k)
		}
		return nil
	})
	return id, err
}

// sent notes that an invoice was mailed.
func (s *store) sent(id uint64) error {
	err := s.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketInvoices).Delete(key(id)) })
	if err == nil {
		s.mailed.Add(1)
	}
	return err
}

func key(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }
