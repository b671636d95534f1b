// Quickstart is a small service under hale's care: the main.go of the README.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/heal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", "localhost:8080")
	if err != nil {
		log.Fatal(err)
	}
	if err := run(ctx, l); err != nil {
		if hint := hale.Hint(err); hint != "" {
			log.Print("hint: ", hint)
		}
		log.Fatal(err) // the last line is what a parent tells of
	}
}

func run(ctx context.Context, l net.Listener) (err error) {
	rt, err := hale.New(hale.WithConfig(hale.Config{Policy: heal.Policy{Act: heal.Contain}}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rt.Close()) }() // names what did not stop
	hale.SetDefault(rt)
	hale.Go(ctx, "hale.loop", rt.Run) // observe → detect → diagnose → heal → verify

	// Instead of go consume(ctx): it is started again when it ends, panics or hangs.
	hale.Go(ctx, "orders.consume", consume, hale.Heartbeat(5*time.Second), hale.Restart(hale.Permanent))

	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", order)
	srv := &http.Server{Handler: halehttp.Middleware(rt)(mux)} // each request is a task and a span of its route
	served := hale.Go(ctx, "http.serve", func(context.Context) error { return srv.Serve(l) })
	select {
	case <-served.Done():
		return served.Err()
	case <-ctx.Done():
		return srv.Shutdown(context.WithoutCancel(ctx))
	}
}

func consume(ctx context.Context) error {
	for {
		hale.Beat(ctx) // a task that declares a heartbeat must beat
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second): // take an order from the queue
		}
	}
}

func order(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("id") == "0" {
		panic("an order without a number")
	}
	_, _ = fmt.Fprintln(w, "order", r.PathValue("id")) // the client is gone: nobody is left to tell
}
