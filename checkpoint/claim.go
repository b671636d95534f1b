package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale"
)

// Claim is the right to save a task's state, from [Resume] until somebody else claims the
// key. Its methods may be called from any goroutine; its fields are not changed after
// Resume.
type Claim[S any] struct {
	// State is the last good state, the zero value when Found is false.
	State S
	// Found reports whether there was one. It is false for a key that is new, and where all that
	// there was is damaged, and in Aside.
	Found bool
	// Saved is when State was saved, by the clock of whoever did.
	Saved time.Time
	// Aside says which newer records were found and could not be used, the newest first,
	// at most two: each error matches ErrCorrupt or ErrNewer, and its Where says where the
	// record is now. Report them: when Found is false they are all that is left.
	Aside []*Error

	store  Store
	key    string
	opts   options
	epoch  uint64
	fenced atomic.Bool
	told   atomic.Bool   // to hale, that it is not well
	turn   chan struct{} // holds one element while nobody saves
	seq    uint64        // of the last save, whoever has the turn may touch it
}

// Resume claims the key for the caller and returns the last good state that was saved
// under it. All claims of the key from before, in any process that shares the store, are
// fenced: their saves fail with [ErrFenced] and write nothing.
//
// A record that is damaged or was saved by a newer version is set aside, and the one before
// it is used; see [Claim.Aside]. Where none can be used and one is of a newer version, as after a
// release that was taken back, the error matches [ErrNewer]: to start over would lose what that
// version goes on from. The store is written to in any case, since the epoch must
// outlive a crash. Errors are [*Error]s; then the key may have been claimed, and nothing
// was read or moved.
//
// The context bounds Resume only. A store that fails is told to hale's runtime, as
// [Claim.Save] says. A task that must go on all the same may do so with the zero state and a nil
// *Claim, whose saves fail: what another has saved is then not overwritten.
func Resume[S any](ctx context.Context, store Store, key string, opts ...Option) (*Claim[S], error) {
	o, err := optionsOf(key, opts)
	if err != nil {
		return nil, err
	}
	if store == nil {
		return nil, &Error{Op: "resume", Key: key, Err: errors.New("no store"), Mend: "give Resume a store such as checkpoint.Dir"}
	}
	c, err := resume[S](ctx, store, key, o)
	switch {
	case err != nil:
		report(ctx, key, err)
	case len(c.Aside) > 0:
		c.told.Store(true)
		report(ctx, key, c.Aside[0])
	}
	return c, err // that it is well again the first save shows
}

// resume is Resume once its arguments are known to be right.
func resume[S any](ctx context.Context, store Store, key string, o options) (*Claim[S], error) {
	// The clock keeps epochs rising where the store has lost the last one: wiped, or
	// restored from a backup.
	grant, err := store.Claim(ctx, key, uint64(max(time.Now().UnixMilli(), 1)))
	if err != nil {
		return nil, wrap("resume", key, err)
	}
	c := &Claim[S]{store: store, key: key, opts: o, epoch: grant.Epoch, turn: make(chan struct{}, 1)}
	c.turn <- struct{}{}
	for _, record := range grant.Records {
		err := c.load(record)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNewer) {
			return nil, err
		}
		bad := &Error{Op: "resume", Key: key, Err: err}
		if bad.Mend = "keep the record for whoever looks for the cause, or delete it"; errors.Is(err, ErrNewer) {
			bad.Mend = "run the version that saved it, or a later one; to go on from this record, stop the task and put it back"
		}
		c.Aside = append(c.Aside, bad)
	}
	if len(c.Aside) == 0 {
		return c, nil
	}
	for _, bad := range c.Aside {
		if !c.Found && errors.Is(bad, ErrNewer) { // to start over would take its place when it is wanted again
			bad.Mend = "run the version that saved it, or a later one; to start over without it, move the record away, or use another key"
			return nil, bad
		}
	}
	where, err := store.SetAside(ctx, key, c.epoch, len(c.Aside))
	if err != nil {
		return nil, wrap("resume", key, err)
	}
	for i, bad := range c.Aside {
		if i < len(where) {
			bad.Where = where[i]
		}
	}
	return c, nil
}

// load takes the state from a record.
func (c *Claim[S]) load(record []byte) error {
	e, err := unseal(record)
	if err != nil {
		return err
	}
	c.seq = max(c.seq, min(e.seq, 1<<62)) // there is always a next one
	version, data := int(e.version), e.state
	refuse := func(err error, mend string) error {
		return &Error{Op: "resume", Key: c.key, Err: fmt.Errorf("the state has version %d, this code has %d: %w", version, c.opts.version, err), Mend: mend}
	}
	switch {
	case version > c.opts.version:
		return fmt.Errorf("%w: the state has version %d, this code knows %d", ErrNewer, version, c.opts.version)
	case version < c.opts.version && c.opts.migrate == nil:
		return refuse(errors.New("nothing migrates it"), "give Resume a Migrate option; the record is where it was")
	case version < c.opts.version:
		if data, err = c.opts.upgrade(version, data); err != nil {
			return refuse(fmt.Errorf("migrating it: %w", err), "mend the function given to Migrate; the record is where it was")
		}
	}
	state, err := decode[S](e.encoding, data)
	switch {
	case err != nil && version < c.opts.version:
		return refuse(fmt.Errorf("decoding what Migrate made of it: %w", err), "mend the function given to Migrate; the record is where it was")
	case err != nil:
		return fmt.Errorf("%w: decoding the state: %w", ErrCorrupt, err)
	}
	c.State, c.Found, c.Saved = state, true, e.saved
	return nil
}

// Epoch returns the claim's number. A later claim of the key has a higher one, so it can
// fence writes to other systems too, such as the rows that the task writes.
func (c *Claim[S]) Epoch() uint64 { return c.epoch }

// Save keeps the state. When it returns nil the state is durable: it is what the next
// Resume finds, and the state of the Save before is kept as well. After an error it may be
// there or not; what was saved before is.
//
// Concurrent saves wait for each other and are kept in the order in which they get their turn. An
// error matches [ErrFenced] when another Resume has the key, [ErrTooLarge] when the state
// is too large, the context's when it ended the wait; all are [*Error]s.
//
// The task may go on after an error, and save again later. Meanwhile "checkpoint:" and the key
// are unhealthy for the runtime of hale that ctx belongs to, if any, until a save succeeds:
// [hale.ReportHealth] says what comes of it. A key that two stores have is one part there.
func (c *Claim[S]) Save(ctx context.Context, state S) error {
	err := c.save(ctx, state)
	switch {
	case c == nil || c.store == nil:
	case err == nil:
		c.told.Store(false)
		report(ctx, c.key, nil)
	case errors.Is(err, ErrFenced):
		if c.told.CompareAndSwap(true, false) { // what there is to tell now its successor tells
			report(ctx, c.key, nil)
		}
	case !errors.Is(ctx.Err(), context.Canceled): // else nobody wanted it any more
		c.told.Store(true)
		report(ctx, c.key, err)
	}
	return err
}

func (c *Claim[S]) save(ctx context.Context, state S) error {
	refuse := func(err error, mend string) error {
		return &Error{Op: "save", Key: c.key, Err: err, Mend: mend}
	}
	if c == nil || c.store == nil {
		return &Error{Op: "save", Err: errors.New("nothing is claimed"), Mend: "get the claim from Resume"}
	}
	encoding, data, err := encode(state) // it is the user's code, so nobody waits for it
	if err != nil {
		return refuse(fmt.Errorf("encoding the state: %w", err), "make the state's type one that encoding/json takes, or give it MarshalBinary and UnmarshalBinary")
	}
	if len(data) > c.opts.maxSize {
		return refuse(fmt.Errorf("%w: %d bytes, more than %d", ErrTooLarge, len(data), c.opts.maxSize), "keep less in the state, or raise MaxSize")
	}
	select {
	case <-c.turn:
		defer func() { c.turn <- struct{}{} }()
	case <-ctx.Done():
		return wrap("save", c.key, context.Cause(ctx))
	}
	if c.fenced.Load() {
		return wrap("save", c.key, ErrFenced)
	}
	c.seq++
	e := envelope{encoding: encoding, version: uint32(c.opts.version), epoch: c.epoch, seq: c.seq, saved: time.Now(), state: data}
	err = c.store.Save(ctx, c.key, c.epoch, c.seq, e.seal())
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrFenced) {
		c.fenced.Store(true)
	}
	return wrap("save", c.key, err)
}

// report tells hale whether the key's state is kept.
func report(ctx context.Context, key string, err error) {
	hale.ReportHealth(ctx, "checkpoint:"+key, err)
}
