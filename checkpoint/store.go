package checkpoint

import (
	"context"
	"fmt"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxKey is the length of the longest key, in bytes.
	MaxKey = 128
	// MaxState is the length of the largest encoded state that [MaxSize] can allow, in
	// bytes.
	MaxState = 64 << 20
	// MaxRecord is the length of the longest record that a [Store] is given, in bytes.
	MaxRecord = MaxState + headerSize + trailerSize
)

// Store keeps records by key, for [Resume]. It does not know what is in them.
//
// These are the rules for those who write one; haletest.Store checks them. Where many
// processes share the data, the rules hold across all of them.
//
//   - Each Claim of a key makes an epoch that is higher than all that the key had, and not
//     lower than atLeast. It is durable before Claim returns: no crash gives it out again.
//   - Save and SetAside with any other epoch than the key's last one change nothing and
//     return an error that matches [ErrFenced]; so do they for a key that was never
//     claimed. The check and the change are one step: no Claim comes in between.
//   - Save makes the record the key's newest, durably, and keeps the one that was the
//     newest. At every moment, and whatever crashes, at least one of the two is whole.
//     After an error the record may be there or not; those from before are.
//   - The saves of an epoch come one after the other and with rising numbers. One that
//     returned an error must not overtake a later one: where it may still be on its way, in a
//     database that was not waited for, the number tells.
//   - SetAside takes the n newest records out of use, all if there are fewer, and keeps
//     them where a person finds them: for each it says where, the newest first. It may
//     delete the oldest of those that it has set aside for the key, but keeps at least
//     the last four.
//   - Keys are any printable text of at most [MaxKey] bytes, and no two share anything.
//   - The caller's slices are not kept, and those returned belong to the caller.
//   - A context that is done ends waiting, and nothing is begun under it.
//   - All methods may be called from any goroutine.
type Store interface {
	// Claim takes the next epoch of the key, and returns what is kept.
	Claim(ctx context.Context, key string, atLeast uint64) (Grant, error)
	// Save keeps a record of at most MaxRecord bytes, the number-th of the key.
	Save(ctx context.Context, key string, epoch, number uint64, record []byte) error
	// SetAside takes the n newest records out of use.
	SetAside(ctx context.Context, key string, epoch uint64, n int) (where []string, err error)
}

// Grant is what [Store.Claim] returns.
type Grant struct {
	Epoch uint64 // Epoch is what the claim has to be saved under.
	// Records holds the newest record and the one before it, in this order, as far as
	// they are there. One that is longer than MaxRecord, or that the disk cannot read, is
	// damaged whatever is in it, and may come cut short or empty.
	Records [][]byte
}

// checkKey returns why the key cannot be used.
func checkKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("the key is empty")
	case len(key) > MaxKey:
		return fmt.Errorf("the key has %d bytes, more than %d", len(key), MaxKey)
	case !utf8.ValidString(key):
		return fmt.Errorf("the key %.200q is not UTF-8", key)
	}
	for i, r := range key {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("the key %.200q has a character at byte %d that cannot be printed", key, i)
		}
	}
	return nil
}
