package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/hale-go/hale/checkpoint"
)

// Store is a [checkpoint.Store] in a bbolt file. Its fields must not be changed while it
// is in use.
//
// Each operation is one transaction, in which the epoch is checked. bbolt lets one process
// open a file, and one transaction write at a time; a context that is done ends no wait for
// either, but nothing is written under it. bbolt syncs the file before a transaction ends;
// opened with NoSync it does not, and neither is a save durable then.
type Store struct {
	DB *bbolt.DB // DB is the file. The caller opens and closes it.
	// Bucket holds all that this store keeps. Default: "hale.checkpoints".
	Bucket string
	// Batch lets saves of several goroutines share a transaction, and so a sync: many keys
	// together get faster, and a save on its own slower, by up to DB.MaxBatchDelay (bbolt's
	// default is 10 ms). Default: each has its own.
	Batch bool
}

// kept is how many records of a key that were set aside are kept.
const kept = 8

// Names in the bucket of a key.
var (
	epochKey  = []byte("epoch")
	asideName = []byte("aside")
	stateKey  = []byte("state")
	prevKey   = []byte("previous")
)

// Claim implements [checkpoint.Store].
func (s Store) Claim(ctx context.Context, key string, atLeast uint64) (checkpoint.Grant, error) {
	var g checkpoint.Grant
	err := s.update(ctx, false, func(tx *bbolt.Tx) error {
		all, err := tx.CreateBucketIfNotExists([]byte(s.bucket()))
		if err != nil {
			return err
		}
		b, err := all.CreateBucketIfNotExists([]byte(key))
		if err != nil {
			return err
		}
		g = checkpoint.Grant{Epoch: max(epoch(b)+1, atLeast)}
		for _, name := range [][]byte{stateKey, prevKey} {
			if record := b.Get(name); record != nil {
				g.Records = append(g.Records, bytes.Clone(record[:min(len(record), checkpoint.MaxRecord+1)]))
			}
		}
		return b.Put(epochKey, binary.BigEndian.AppendUint64(nil, g.Epoch))
	})
	if err != nil {
		return checkpoint.Grant{}, err
	}
	return g, nil
}

// Save implements [checkpoint.Store]. It needs no number: when it has returned it is over.
func (s Store) Save(ctx context.Context, key string, epoch, _ uint64, record []byte) error {
	return s.update(ctx, s.Batch, func(tx *bbolt.Tx) error {
		b, err := s.claimed(tx, key, epoch)
		if err != nil {
			return err
		}
		if old := b.Get(stateKey); old != nil {
			if err := b.Put(prevKey, bytes.Clone(old)); err != nil {
				return err
			}
		}
		return b.Put(stateKey, record)
	})
}

// SetAside implements [checkpoint.Store].
func (s Store) SetAside(ctx context.Context, key string, epoch uint64, n int) (where []string, err error) {
	err = s.update(ctx, false, func(tx *bbolt.Tx) error {
		b, err := s.claimed(tx, key, epoch)
		if err != nil {
			return err
		}
		aside, err := b.CreateBucketIfNotExists(asideName)
		if err != nil {
			return err
		}
		for _, name := range [][]byte{stateKey, prevKey} {
			record := b.Get(name)
			if record == nil || len(where) >= n {
				continue
			}
			number, err := aside.NextSequence()
			if err != nil {
				return err
			}
			if err := errors.Join(aside.Put(binary.BigEndian.AppendUint64(nil, number), bytes.Clone(record)), b.Delete(name)); err != nil {
				return err
			}
			if number > kept {
				if err := aside.Delete(binary.BigEndian.AppendUint64(nil, number-kept)); err != nil {
					return err
				}
			}
			where = append(where, fmt.Sprintf("%s, bucket %s, %q, %s, number %d", s.DB.Path(), s.bucket(), key, asideName, number))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return where, nil
}

// claimed returns the bucket of a key whose last claim has this epoch.
func (s Store) claimed(tx *bbolt.Tx, key string, want uint64) (*bbolt.Bucket, error) {
	all := tx.Bucket([]byte(s.bucket()))
	if all == nil {
		return nil, checkpoint.ErrFenced
	}
	b := all.Bucket([]byte(key))
	if b == nil || epoch(b) != want {
		return nil, checkpoint.ErrFenced
	}
	return b, nil
}

// epoch returns that of the last claim, 0 before the first.
func epoch(b *bbolt.Bucket) uint64 {
	if raw := b.Get(epochKey); len(raw) == 8 {
		return binary.BigEndian.Uint64(raw)
	}
	return 0
}

func (s Store) bucket() string {
	if s.Bucket == "" {
		return "hale.checkpoints"
	}
	return s.Bucket
}

// update runs f in a transaction.
func (s Store) update(ctx context.Context, shared bool, f func(*bbolt.Tx) error) error {
	if s.DB == nil {
		return &checkpoint.Error{Err: errors.New("no bbolt file"), Mend: "set Store.DB"}
	}
	begin := s.DB.Update
	if shared {
		begin = s.DB.Batch
	}
	err := ctx.Err() // before it waits
	if err == nil {
		err = begin(func(tx *bbolt.Tx) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return f(tx)
		})
	}
	return s.failed(err)
}

// failed says where something went wrong and what to do about it.
func (s Store) failed(err error) error {
	mend := "bbolt's own error says what it lacks; what was saved before is as it was"
	switch {
	case err == nil, errors.Is(err, checkpoint.ErrFenced):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		mend = "another transaction on the file takes long; what was saved before is as it was"
	case errors.Is(err, bolterrors.ErrDatabaseNotOpen):
		mend = "close the file after the tasks that save to it"
	case errors.Is(err, bolterrors.ErrDatabaseReadOnly):
		mend = "open the file without ReadOnly"
	}
	return &checkpoint.Error{Where: s.DB.Path(), Err: err, Mend: mend}
}
