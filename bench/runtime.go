package main

import (
	"context"
	"log/slog"

	"github.com/hale-go/hale"
)

// newRuntime returns a runtime with the default settings, but for opts, whose loop
// turns in the background, as in a service. Only its log goes nowhere.
func newRuntime(opts ...hale.Option) (rt *hale.Runtime, closer func(), err error) {
	rt, err = hale.New(append(opts, hale.WithLogger(slog.New(slog.DiscardHandler)))...)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = rt.Run(ctx) // its one error is for a second call
	}()
	return rt, func() {
		cancel()
		<-ended
		_ = rt.Close() // what it may complain of are tasks that a failed round left
	}, nil
}
