package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/hale-go/hale/checkpoint"
	"github.com/hale-go/hale/checkpoint/bolt"
)

// checkpointContest is saving a state of a kilobyte, durably, one save after the other:
// against what is written by hand for it, with and without a sync of the folder. Without
// one a loss of power may take back the rename, and with it the save.
func checkpointContest(saves int) contest {
	const name, ours, ourBolt, synced, bare = "checkpoint", "Dir", "bolt", "write+fsync+rename+fsync folder", "write+fsync+rename"
	return contest{
		name: name,
		open: func() (_ []contestant, err error) {
			dir, err := os.MkdirTemp("", "hale-bench")
			if err != nil {
				return nil, err
			}
			defer func() {
				if err != nil {
					err = errors.Join(err, os.RemoveAll(dir))
				}
			}()
			db, err := bbolt.Open(filepath.Join(dir, "bolt"), 0o600, nil)
			if err != nil {
				return nil, err
			}
			state := kilobyte{N: 1, Text: strings.Repeat("x", 1000)}
			by := func(name string, end func(), save func() error) contestant {
				return contestant{name: name, close: end, measure: func() (m reading, err error) {
					m = tight(saves, func(n int) {
						for range n {
							if failed := save(); failed != nil {
								err = failed
							}
						}
					})
					return m, err
				}}
			}
			kept := func(s checkpoint.Store) (func() error, error) {
				c, err := checkpoint.Resume[kilobyte](context.Background(), s, "bench")
				return func() error { return c.Save(context.Background(), state) }, err
			}
			file, err := kept(checkpoint.Dir(filepath.Join(dir, "ours")))
			if err != nil {
				return nil, err
			}
			inBolt, err := kept(bolt.Store{DB: db})
			if err != nil {
				return nil, err
			}
			record := []byte(strings.Repeat("x", 1072)) // as many bytes as ours, encoded
			byHand := func(sub string, folder bool) (func() error, error) {
				sub = filepath.Join(dir, sub)
				return func() error { return saveByHand(sub, record, folder) }, os.Mkdir(sub, 0o700)
			}
			hand, err := byHand("hand", false)
			if err != nil {
				return nil, err
			}
			handSynced, err := byHand("synced", true)
			if err != nil {
				return nil, err
			}
			nothing := func() {}
			return []contestant{
				by(ours, func() { _ = os.RemoveAll(dir) }, file), by(ourBolt, func() { _ = db.Close() }, inBolt),
				by(synced, nothing, handSynced), by(bare, nothing, hand),
			}, nil
		},
		rows: func(r results) []row {
			speed := func(a, b string, target float64) row {
				out := r.ratio(name+" speed", b, a, nanos, target) // the time of the other over ours
				out.name, out.sense = name+" speed "+a+" / "+b, atLeast
				return out
			}
			return []row{
				speed(ours, synced, 0.9),
				speed(ours, bare, 0.9),
				speed(ourBolt, synced, 0),
				speed(ourBolt, bare, 0.9),
				{name: name + " " + ours + " allocations per save", values: r.of(ours, allocations), unit: allocs},
			}
		},
	}
}

// kilobyte is a state whose JSON takes 1 KB.
type kilobyte struct {
	N    int
	Text string
}

// saveByHand replaces a file as it is mostly done.
func saveByHand(dir string, data []byte, folder bool) error {
	tmp := filepath.Join(dir, "state.tmp")
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(tmp, filepath.Join(dir, "state"))
	}
	if err != nil || !folder {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
