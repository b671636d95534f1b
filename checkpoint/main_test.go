package checkpoint_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/hale-go/hale/checkpoint"
	"github.com/hale-go/hale/checkpoint/internal/killed"
)

func TestMain(m *testing.M) {
	killed.Child(func(path string) (checkpoint.Store, error) { return checkpoint.Dir(path), nil })
	goleak.VerifyTestMain(m)
}

// progress is a state.
type progress struct {
	Done int    `json:"done"`
	Pad  string `json:"pad,omitempty"`
}

// resume is Resume for a test that expects it to succeed.
func resume(t testing.TB, s checkpoint.Store, key string, opts ...checkpoint.Option) *checkpoint.Claim[progress] {
	t.Helper()
	c, err := checkpoint.Resume[progress](context.Background(), s, key, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func save(t testing.TB, c *checkpoint.Claim[progress], done int) {
	t.Helper()
	if err := c.Save(context.Background(), progress{Done: done}); err != nil {
		t.Fatal(err)
	}
}

// found checks what a claim has found; -1 means nothing.
func found(t testing.TB, c *checkpoint.Claim[progress], done int) {
	t.Helper()
	if c.Found != (done >= 0) || c.Found && c.State.Done != done {
		t.Errorf("found %t, %+v, want %d", c.Found, c.State, done)
	}
}

// refused checks that an error is an *Error that matches, and tells place and mend.
func refused(t testing.TB, err, target error) {
	t.Helper()
	e, ok := errors.AsType[*checkpoint.Error](err)
	if !ok || !errors.Is(err, target) || e.Hint() == "" || e.Error() == "" {
		t.Errorf("%v (%T), want an Error that matches %v and has a hint", err, err, target)
	}
}
