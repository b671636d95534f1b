package checkpoint_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/hale-go/hale/checkpoint"
)

// An import of lines goes on after the last line that it has saved. Its predecessor, which
// was given up and wakes up now, is refused.
func ExampleResume() {
	type progress struct{ Line int }
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "checkpoints")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	first, err := checkpoint.Resume[progress](ctx, checkpoint.Dir(dir), "orders.import")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("begins at line", first.State.Line)
	if err := first.Save(ctx, progress{Line: 1000}); err != nil {
		fmt.Println(err)
	}

	second, err := checkpoint.Resume[progress](ctx, checkpoint.Dir(dir), "orders.import")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("goes on at line", second.State.Line)
	err = first.Save(ctx, progress{Line: 1001})
	fmt.Println("the first is fenced:", errors.Is(err, checkpoint.ErrFenced))
	// Output:
	// begins at line 0
	// goes on at line 1000
	// the first is fenced: true
}

// The state's type has changed: what older code saved is brought up to date.
func ExampleMigrate() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "checkpoints")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	old, err := checkpoint.Resume[int](ctx, checkpoint.Dir(dir), "orders.import")
	if err == nil {
		err = old.Save(ctx, 1000)
	}
	if err != nil {
		fmt.Println(err)
		return
	}

	type progress struct {
		Line int
		File string
	}
	c, err := checkpoint.Resume[progress](ctx, checkpoint.Dir(dir), "orders.import", checkpoint.Version(1),
		checkpoint.Migrate(func(_ int, state []byte) ([]byte, error) {
			p := progress{File: "orders.csv"} // there was only one
			if err := json.Unmarshal(state, &p.Line); err != nil {
				return nil, err
			}
			return json.Marshal(p)
		}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%+v\n", c.State)
	// Output: {Line:1000 File:orders.csv}
}
