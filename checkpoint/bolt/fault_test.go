package bolt_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/hale-go/hale/checkpoint"
	"github.com/hale-go/hale/checkpoint/bolt"
)

func resume(t testing.TB, s checkpoint.Store, key string) *checkpoint.Claim[int] {
	t.Helper()
	c, err := checkpoint.Resume[int](t.Context(), s, key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func refused(t testing.TB, err, target error) {
	t.Helper()
	e, ok := errors.AsType[*checkpoint.Error](err)
	if !ok || e.Hint() == "" || target != nil && !errors.Is(err, target) {
		t.Errorf("%v (%T), want an Error that matches %v and has a hint", err, err, target)
	}
}

func TestFaults(t *testing.T) {
	_, err := checkpoint.Resume[int](t.Context(), bolt.Store{}, "k")
	refused(t, err, nil)

	path := t.TempDir() + "/checkpoints"
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := resume(t, bolt.Store{DB: db}, "k")
	if err := c.Save(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, c.Save(t.Context(), 2), bolterrors.ErrDatabaseNotOpen)

	if db, err = bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	_, err = checkpoint.Resume[int](t.Context(), bolt.Store{DB: db}, "k")
	refused(t, err, bolterrors.ErrDatabaseReadOnly)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := resume(t, bolt.Store{DB: open(t, path)}, "k"); !got.Found || got.State != 1 {
		t.Errorf("%+v", got)
	}
}

// What was saved goes out by a record that is damaged, and the one before is used.
func TestDamaged(t *testing.T) {
	db := open(t, t.TempDir()+"/checkpoints")
	s := bolt.Store{DB: db, Bucket: "mine"}
	c := resume(t, s, "k")
	for n := range 3 {
		if err := c.Save(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	for range 12 {
		err := db.Update(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("mine")).Bucket([]byte("k")).Put([]byte("state"), []byte("damaged"))
		})
		if err != nil {
			t.Fatal(err)
		}
		c = resume(t, s, "k")
		if len(c.Aside) != 1 || !errors.Is(c.Aside[0], checkpoint.ErrCorrupt) || c.State != 1 {
			t.Fatalf("%+v", c)
		}
	}
	if err := db.View(func(tx *bbolt.Tx) error {
		if n := tx.Bucket([]byte("mine")).Bucket([]byte("k")).Bucket([]byte("aside")).Stats().KeyN; n != 8 {
			t.Errorf("%d are set aside", n)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// Many keys in one file, each saved by its own goroutine, take few transactions in batches.
func TestBatch(t *testing.T) {
	db := open(t, t.TempDir()+"/checkpoints")
	const keys, saves = 50, 4
	var all sync.WaitGroup
	var claims []*checkpoint.Claim[int]
	for i := range keys {
		claims = append(claims, resume(t, bolt.Store{DB: db, Batch: true}, fmt.Sprint(i)))
	}
	before := transactions(t, db)
	for _, c := range claims {
		all.Go(func() {
			for n := range saves {
				if err := c.Save(t.Context(), n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := transactions(t, db) - before; n > keys*saves/2 {
		t.Errorf("%d saves took %d transactions", keys*saves, n)
	}
	for i := range keys {
		if c := resume(t, bolt.Store{DB: db}, fmt.Sprint(i)); c.State != saves-1 {
			t.Errorf("%d: %+v", i, c)
		}
	}
}

// transactions returns how many have written so far.
func transactions(t *testing.T, db *bbolt.DB) (n int) {
	t.Helper()
	if err := db.View(func(tx *bbolt.Tx) error {
		n = tx.ID()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}
