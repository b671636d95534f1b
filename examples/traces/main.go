// Traces is two small services under hale's care whose spans go to OpenTelemetry: a
// checkout that asks payments for a quote, on a goroutine beside the request. One
// request is one trace through both.
//
//	go run ./traces                              prints the spans
//	go run ./traces -to http://localhost:4318    sends them to a collector, by OTLP over HTTP
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
)

func main() {
	to := flag.String("to", "stdout", "where spans go: stdout, or the URL of a collector")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *to, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run sends one request that works and one that does not through both services.
func run(ctx context.Context, to string, out io.Writer) (err error) {
	payments, err := newService(ctx, "payments", to, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, payments.close(ctx)) }()
	payments.route("POST /quote/{cart}", quote)

	checkout, err := newService(ctx, "checkout", to, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, checkout.close(ctx)) }()
	checkout.route("GET /checkout/{cart}", checkout.checkout(payments.url))

	for _, cart := range []string{"full", "broken"} {
		resp, err := http.Get(checkout.url + "/checkout/" + cart)
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, "checkout of the", cart, "cart:", resp.Status); err != nil {
			return err
		}
	}
	http.DefaultClient.CloseIdleConnections()
	return nil
}
