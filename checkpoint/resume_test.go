package checkpoint_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hale-go/hale/checkpoint"
)

func TestResume(t *testing.T) {
	s := checkpoint.Dir(t.TempDir())
	first := resume(t, s, "orders.import")
	found(t, first, -1)
	before := time.Now()
	for n := range 5 {
		save(t, first, n)
	}
	second := resume(t, s, "orders.import")
	found(t, second, 4)
	if second.Saved.Before(before.Truncate(time.Microsecond)) || second.Saved.After(time.Now()) || len(second.Aside) > 0 {
		t.Errorf("saved at %v, aside %v", second.Saved, second.Aside)
	}
	if second.Epoch() <= first.Epoch() {
		t.Errorf("epoch %d after %d", second.Epoch(), first.Epoch())
	}
	for range 2 { // once it is fenced, it stays so
		refused(t, first.Save(t.Context(), progress{Done: 99}), checkpoint.ErrFenced)
	}
	found(t, resume(t, s, "orders.import"), 4)
	found(t, resume(t, s, "orders.export"), -1)
}

// Once a claim is fenced it asks no store any more.
func TestFencedForGood(t *testing.T) {
	dir := t.TempDir()
	first := resume(t, checkpoint.Dir(dir), "k")
	resume(t, checkpoint.Dir(dir), "k")
	refused(t, first.Save(t.Context(), progress{}), checkpoint.ErrFenced)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	refused(t, first.Save(t.Context(), progress{}), checkpoint.ErrFenced)
}

// Epochs keep rising when the store has lost the last one.
func TestEpochsOutliveTheStore(t *testing.T) {
	for name, lose := range map[string]func(dir string) error{
		"wiped":   os.RemoveAll,
		"lost":    func(dir string) error { return os.Remove(dir + "/k.epoch") },
		"damaged": func(dir string) error { return os.WriteFile(dir+"/k.epoch", []byte("1\x00"), 0o600) },
		"empty":   func(dir string) error { return os.Truncate(dir+"/k.epoch", 0) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/store"
			first := resume(t, checkpoint.Dir(dir), "k")
			for deadline := time.Now().Add(10 * time.Second); uint64(time.Now().UnixMilli()) <= first.Epoch(); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the clock stands still")
				}
			}
			if err := lose(dir); err != nil {
				t.Fatal(err)
			}
			if err := first.Save(t.Context(), progress{}); err == nil {
				t.Error("it saved although its epoch is lost")
			}
			second := resume(t, checkpoint.Dir(dir), "k")
			if second.Epoch() <= first.Epoch() {
				t.Errorf("epoch %d after %d", second.Epoch(), first.Epoch())
			}
			refused(t, first.Save(t.Context(), progress{}), checkpoint.ErrFenced)
			save(t, second, 1)
		})
	}
}

func TestRefused(t *testing.T) {
	s := checkpoint.Dir(t.TempDir())
	for name, key := range map[string]string{
		"empty": "", "too long": strings.Repeat("k", checkpoint.MaxKey+1), "not UTF-8": "k\xff", "a line break": "k\nl", "a zero": "k\x00",
	} {
		_, err := checkpoint.Resume[progress](t.Context(), s, key)
		if e, ok := errors.AsType[*checkpoint.Error](err); !ok || e.Hint() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, opt := range []checkpoint.Option{
		checkpoint.Version(-1), checkpoint.Version(1 << 31), checkpoint.MaxSize(0), checkpoint.MaxSize(-1), checkpoint.MaxSize(checkpoint.MaxState + 1),
	} {
		_, err := checkpoint.Resume[progress](t.Context(), s, "k", opt)
		if e, ok := errors.AsType[*checkpoint.Error](err); !ok || e.Hint() == "" {
			t.Error(err)
		}
	}
	if _, err := checkpoint.Resume[progress](t.Context(), nil, "k", nil); err == nil {
		t.Error("no error without a store")
	}
	var none checkpoint.Claim[progress]
	if err := none.Save(t.Context(), progress{}); err == nil {
		t.Error("no error of a claim that nobody made")
	}
	if left, err := filepath.Glob(string(s) + "/*"); err != nil || len(left) > 0 {
		t.Errorf("%q, %v: refused, and files were made", left, err)
	}
	channels, err := checkpoint.Resume[chan int](t.Context(), s, "k")
	if err != nil {
		t.Fatal(err)
	}
	err = channels.Save(t.Context(), make(chan int))
	if e, ok := errors.AsType[*checkpoint.Error](err); !ok || e.Hint() == "" || e.Op != "save" {
		t.Error(err)
	}
}

func TestMaxSize(t *testing.T) {
	s := checkpoint.Dir(t.TempDir())
	text, err := checkpoint.Resume[string](t.Context(), s, "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := text.Save(t.Context(), strings.Repeat("x", 1<<20-2)); err != nil { // and two quotes
		t.Error(err)
	}
	refused(t, text.Save(t.Context(), strings.Repeat("x", 1<<20-1)), checkpoint.ErrTooLarge)
	raw, err := checkpoint.Resume[blob](t.Context(), s, "l", checkpoint.MaxSize(checkpoint.MaxState))
	if err != nil {
		t.Fatal(err)
	}
	largest := bytes.Repeat([]byte{7}, checkpoint.MaxState)
	if err := raw.Save(t.Context(), blob{largest}); err != nil {
		t.Error(err)
	}
	refused(t, raw.Save(t.Context(), blob{append(largest, 8)}), checkpoint.ErrTooLarge)
	if raw, err = checkpoint.Resume[blob](t.Context(), s, "l"); err != nil || !bytes.Equal(raw.State.data, largest) {
		t.Errorf("%d bytes, %v", len(raw.State.data), err)
	}
}

// blob is bytes as they are.
type blob struct{ data []byte }

func (b blob) MarshalBinary() ([]byte, error) { return b.data, nil }

func (b *blob) UnmarshalBinary(data []byte) error {
	b.data = data
	return nil
}

// point goes to bytes by methods of its pointer, moment by methods of its value.
type point struct{ x, y byte }

func (p *point) MarshalBinary() ([]byte, error) { return []byte{p.x, p.y}, nil }

func (p *point) UnmarshalBinary(data []byte) error {
	if len(data) != 2 {
		return errors.New("not a point")
	}
	p.x, p.y = data[0], data[1]
	return nil
}

// half has only one of the two methods.
type half struct{ N int }

func (half) MarshalBinary() ([]byte, error) { return nil, errors.New("not to be called") }

func roundTrip[S comparable](t *testing.T, state S, want string, equal func(a, b S) bool) {
	t.Helper()
	dir := checkpoint.Dir(t.TempDir())
	c, err := checkpoint.Resume[S](t.Context(), dir, "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	if c, err = checkpoint.Resume[S](t.Context(), dir, "k"); err != nil || !c.Found || !equal(c.State, state) {
		t.Errorf("%T: %+v, %v", state, c, err)
	}
	record, err := os.ReadFile(string(dir) + "/k.state")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, seq, _, got, err := checkpoint.Unsealed(record); err != nil || seq != 1 || want != "" && string(got) != want {
		t.Errorf("%T: save %d is %q, %v, want %q", state, seq, got, err, want)
	}
}

func TestEncodings(t *testing.T) {
	same := func(a, b any) bool { return a == b }
	roundTrip(t, progress{Done: 7}, `{"done":7}`, func(a, b progress) bool { return a == b })
	roundTrip(t, point{1, 2}, "\x01\x02", func(a, b point) bool { return a == b })
	roundTrip(t, &point{3, 4}, "\x03\x04", func(a, b *point) bool { return *a == *b })
	roundTrip(t, time.Unix(5, 6), "", time.Time.Equal)
	roundTrip(t, half{8}, `{"N":8}`, func(a, b half) bool { return a == b })
	roundTrip(t, &progress{Done: 9}, `{"done":9}`, func(a, b *progress) bool { return *a == *b })
	roundTrip[any](t, "text", `"text"`, same)
	roundTrip[any](t, nil, "null", same)
}

// Waits of saves end with their contexts, and saves of many goroutines do not mix.
func TestConcurrentSaves(t *testing.T) {
	dir := t.TempDir()
	c := resume(t, checkpoint.Dir(dir), "k")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 20 {
				if err := c.Save(t.Context(), progress{Done: i, Pad: strings.Repeat(fmt.Sprint(i), n)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	record, err := os.ReadFile(dir + "/k.state")
	if err != nil {
		t.Fatal(err)
	}
	if _, epoch, seq, _, state, err := checkpoint.Unsealed(record); err != nil || epoch != c.Epoch() || seq != 160 {
		t.Errorf("epoch %d, save %d, %s, %v", epoch, seq, state, err)
	}
	again := resume(t, checkpoint.Dir(dir), "k")
	if want := strings.Repeat(fmt.Sprint(again.State.Done), len(again.State.Pad)); again.State.Pad != want {
		t.Errorf("%+v", again.State)
	}
}

// hanging is a store whose saves wait until they are let go.
type hanging struct {
	checkpoint.Store
	saving chan struct{}
	let    chan struct{}
}

func (h hanging) Save(ctx context.Context, key string, epoch, number uint64, record []byte) error {
	h.saving <- struct{}{}
	<-h.let
	return h.Store.Save(ctx, key, epoch, number, record)
}

func TestSaveWaitsNoLongerThanItsContext(t *testing.T) {
	h := hanging{checkpoint.Dir(t.TempDir()), make(chan struct{}), make(chan struct{})}
	c := resume(t, h, "k")
	done := make(chan error)
	go func() { done <- c.Save(context.Background(), progress{Done: 1}) }()
	<-h.saving
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the task ends")
	cancel(why)
	refused(t, c.Save(ctx, progress{Done: 2}), why)
	close(h.let)
	if err := <-done; err != nil {
		t.Error(err)
	}
	found(t, resume(t, h.Store, "k"), 1)
}

// broken is a store that fails in ways of its own.
type broken struct{ err error }

func (b broken) Claim(context.Context, string, uint64) (checkpoint.Grant, error) {
	if b.err != nil {
		return checkpoint.Grant{}, b.err
	}
	return checkpoint.Grant{Epoch: 1, Records: [][]byte{nil, {1}, bytes.Repeat([]byte{2}, 100)}}, nil
}

func (b broken) Save(context.Context, string, uint64, uint64, []byte) error { return b.err }

func (b broken) SetAside(context.Context, string, uint64, int) ([]string, error) {
	return []string{"one place"}, nil
}

func TestStoresOfOthers(t *testing.T) {
	why := errors.New("no route to host")
	_, err := checkpoint.Resume[progress](t.Context(), broken{why}, "k")
	refused(t, err, why)
	c := resume(t, broken{}, "k")
	found(t, c, -1)
	if len(c.Aside) != 3 || c.Aside[0].Where != "one place" || c.Aside[2].Where != "" {
		t.Errorf("%v", c.Aside)
	}
}
