package serverless

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hale-go/hale"
)

// Event is what a function is called with.
type Event struct {
	ID     string
	Images []string
}

// Function makes thumbnails. Keep one for the life of the process: what hale has
// seen in former invocations is what it judges the next ones by.
type Function struct {
	rt     *hale.Runtime
	render func(ctx context.Context, image string) error
}

// New returns a function that renders each image with render.
func New(rt *hale.Runtime, render func(ctx context.Context, image string) error) *Function {
	return &Function{rt: rt, render: render}
}

// Handle is one invocation. It returns when all that it started has ended, and
// then takes a turn of hale's loop, also after a panic, which comes back as an
// error.
func (f *Function) Handle(ctx context.Context, event Event) error {
	ctx = hale.WithRequestID(ctx, event.ID)
	err := f.rt.Do(ctx, "thumbnails.handle", func(ctx context.Context) error { return f.renderAll(ctx, event.Images) })
	// A broken turn is hale's trouble, not the caller's: it starts afresh with
	// the next invocation and says so in the log.
	_ = f.rt.Step(ctx)
	if err != nil {
		return fmt.Errorf("event %s: %w", event.ID, err)
	}
	return nil
}

// renderAll renders the images at once, each as a task with a budget.
func (f *Function) renderAll(ctx context.Context, images []string) error {
	tasks := make([]*hale.Task, 0, len(images))
	for _, image := range images {
		tasks = append(tasks, hale.Go(ctx, "thumbnails.render", func(ctx context.Context) error {
			return f.render(ctx, image)
		}, hale.Budget(5*time.Second)))
	}
	var errs []error
	for _, t := range tasks {
		errs = append(errs, t.Wait())
	}
	return errors.Join(errs...)
}
