package bolt_test

import (
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/hale-go/hale/checkpoint"
	"github.com/hale-go/hale/checkpoint/bolt"
	"github.com/hale-go/hale/checkpoint/internal/killed"
)

func TestMain(m *testing.M) {
	killed.Child(func(path string) (checkpoint.Store, error) {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Minute})
		return bolt.Store{DB: db}, err
	})
	goleak.VerifyTestMain(m)
}

func TestKilled(t *testing.T) {
	path := t.TempDir() + "/checkpoints"
	killed.Rounds(t, killed.Many(t, 100), path, func() (checkpoint.Store, func() error, error) {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Minute})
		if err != nil {
			return nil, nil, err
		}
		return bolt.Store{DB: db}, db.Close, nil
	})
}
