package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
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

// store keeps orders, in a file that is open for one transaction at a time: while a
// process hands over to its successor both of them have orders to keep.
type store struct {
	path string
	mu   sync.Mutex // of who has the file open

	placed, consumed, mailed, late, settled atomic.Int64 // by this process
}

func openStore(dir string) (*store, error) {
	s := &store{path: filepath.Join(dir, "orders.db")}
	return s, s.update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketOrders, bucketPlaced, bucketInvoices, bucketUnpaid} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
}

// update changes what is kept, or nothing at all where f fails.
func (s *store) update(f func(*bolt.Tx) error) error {
	return s.open(false, func(db *bolt.DB) error { return db.Update(f) })
}

// view looks at what is kept.
func (s *store) view(f func(*bolt.Tx) error) error {
	return s.open(true, func(db *bolt.DB) error { return db.View(f) })
}

// open waits until no other process has the file open, in a way that excludes this one.
func (s *store) open(readOnly bool, use func(*bolt.DB) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	db, err := bolt.Open(s.path, 0o600, &bolt.Options{
		Timeout:  2 * time.Second,
		ReadOnly: readOnly,
		NoSync:   true, // the demo's orders need not survive a power cut
	})
	if err != nil {
		return fmt.Errorf("orders: %w", err)
	}
	return errors.Join(use(db), db.Close())
}

// place keeps an order and the event that it was placed.
func (s *store) place(ctx context.Context, o order) (order, error) {
	if err := ctx.Err(); err != nil {
		return o, err
	}
	err := s.update(func(tx *bolt.Tx) error {
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
	err := s.view(func(tx *bolt.Tx) error {
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

// after returns the n orders that were placed after one, oldest first, fewer if there are
// not so many.
func (s *store) after(id uint64, n int) ([]order, error) {
	out := make([]order, 0, n)
	err := s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketOrders).Cursor()
		for k, v := c.Seek(key(id + 1)); k != nil && len(out) < n; k, v = c.Next() {
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
	err := s.update(func(tx *bolt.Tx) error {
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
	err = s.view(func(tx *bolt.Tx) error {
		if k, _ := tx.Bucket(bucketInvoices).Cursor().First(); k != nil {
			id = binary.BigEndian.Uint64(k)
		}
		return nil
	})
	return id, err
}

// sent notes that an invoice was mailed.
func (s *store) sent(id uint64) error {
	err := s.update(func(tx *bolt.Tx) error { return tx.Bucket(bucketInvoices).Delete(key(id)) })
	if err == nil {
		s.mailed.Add(1)
	}
	return err
}

func key(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }
