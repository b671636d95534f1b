package bolt_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/hale-go/hale/checkpoint"
	"github.com/hale-go/hale/checkpoint/bolt"
)

// Thousands of tasks keep their states in one file.
func Example() {
	dir, err := os.MkdirTemp("", "checkpoints")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	// Another process may still have the file open: wait for it a while, not for ever.
	db, err := bbolt.Open(filepath.Join(dir, "checkpoints.bolt"), 0o600, &bbolt.Options{Timeout: 10 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	store := bolt.Store{DB: db, Batch: true}

	ctx := context.Background()
	for range 2 {
		c, err := checkpoint.Resume[int](ctx, store, "feeds/4711")
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(c.Found, c.State)
		if err := c.Save(ctx, 42); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// false 0
	// true 42
}
