package killed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/hale-go/hale/checkpoint"
)

// Key is the counter's.
const Key = "counter"

// childPath is set in children only: it says where the store is.
const childPath = "HALE_CHECKPOINT_CHILD"

// State counts saves. Its filling makes it about a kilobyte, and follows from the number.
type State struct {
	N       int
	Filling string
}

// stateOf returns the state with this number.
func stateOf(n int) State { return State{n, strings.Repeat(fmt.Sprintf("%09d ", n), 98)} }

// Child turns the process into a child when it was started as one: it resumes the counter
// in the store that open returns, says "resumed N", and saves the next numbers as fast as
// it can, saying each once it is saved; when it is fenced off, it says so and ends.
func Child(open func(path string) (checkpoint.Store, error)) {
	path := os.Getenv(childPath)
	if path == "" {
		return
	}
	if err := count(open, path); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func count(open func(path string) (checkpoint.Store, error), path string) error {
	s, err := open(path)
	if err != nil {
		return err
	}
	ctx := context.Background()
	c, err := checkpoint.Resume[State](ctx, s, Key)
	if err != nil {
		return err
	}
	if c.State != stateOf(c.State.N) && c.Found || len(c.Aside) > 0 {
		return fmt.Errorf("resumed %.100v, %v", c.State, c.Aside)
	}
	fmt.Println("resumed", c.State.N)
	for n := c.State.N + 1; ; n++ {
		err := c.Save(ctx, stateOf(n))
		if errors.Is(err, checkpoint.ErrFenced) {
			fmt.Println("fenced")
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Println(n) // unbuffered: what is said is saved
	}
}
