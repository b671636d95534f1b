package bolt_test

import (
	"testing"

	"go.etcd.io/bbolt"

	"github.com/hale-go/hale/checkpoint"
	"github.com/hale-go/hale/checkpoint/bolt"
	"github.com/hale-go/hale/haletest"
)

func open(t testing.TB, path string) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestStoreKeepsTheContract(t *testing.T) {
	for _, batch := range []bool{false, true} {
		db := open(t, t.TempDir()+"/checkpoints")
		haletest.Store(t, func() checkpoint.Store { return bolt.Store{DB: db, Batch: batch} })
	}
}
