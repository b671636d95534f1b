package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/process"
)

// takes is how long an order takes.
const takes = 2 * time.Millisecond

// serve serves orders until ctx ends.
func serve(ctx context.Context, address string) error {
	rt, err := hale.New(hale.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))))
	if err != nil {
		return err
	}
	defer rt.Close() // what does not stop is told in the log
	go rt.Run(ctx)   //nolint:errcheck // its one error is for a second call
	listener, err := process.Listen("tcp", address)
	if err != nil {
		return err
	}
	var hung atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(takes)
		fmt.Fprintln(w, os.Getpid())
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // the client has gone
		}
		time.Sleep(takes)
		fmt.Fprintln(w, os.Getpid())
	})
	mux.HandleFunc("POST /faults/{fault}", func(w http.ResponseWriter, r *http.Request) {
		fault, ok := faults(&hung)[r.PathValue("fault")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		time.AfterFunc(10*time.Millisecond, fault) // when this is answered
	})
	go process.Watch(ctx, func(context.Context) error { //nolint:errcheck // it serves without a watchdog too
		if hung.Load() {
			return errors.New("orders hang")
		}
		return nil
	})
	if err := process.Ready(); err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = process.Stopping() })
	return halehttp.Serve(ctx, &http.Server{Handler: halehttp.Middleware(rt)(mux), ReadHeaderTimeout: 5 * time.Second}, listener)
}

// faults are what ends a process, or should.
func faults(hung *atomic.Bool) map[string]func() {
	return map[string]func(){
		"hang":  func() { hung.Store(true) },
		"crash": func() { panic("an order without a customer") },
		"fatal": func() {
			stock := map[int]int{}
			for range 4 {
				go func() {
					for i := 0; ; i++ {
						stock[i%8]++
					}
				}()
			}
		},
	}
}
