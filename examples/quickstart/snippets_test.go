package main_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"image"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/checkpoint"
	"github.com/hale-go/hale/config"
	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/haleprom"
	"github.com/hale-go/hale/halesql"
	"github.com/hale-go/hale/haletest"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/health"
	"github.com/hale-go/hale/observe"
	"github.com/hale-go/hale/process"
)

// What the README shows besides main.go; see TestReadmeHoldsThisCode.
var _ = []any{pools, domains, signals, total, backtest, serve, resume, TestConsumerIsReplaced, TestOrders}

// Browser is a state that is costly to make.
type Browser struct{ io.Closer }

// Render draws a page.
func (*Browser) Render(context.Context, string) error { return nil }

func pools(ctx context.Context, rt *hale.Runtime, decode func(context.Context) (image.Image, error), launch func(context.Context) (*Browser, error), page string) error {
	pool, err := rt.NewPool("thumbnails", hale.PoolConfig{Workers: 8, Budget: 2 * time.Second})
	if err != nil {
		return err
	}
	img, err := hale.Submit(ctx, pool, decode, hale.Idempotent()) // a worker that ignores its budget is replaced
	if err != nil {
		return err
	}
	err = pool.Resize(16) // while it runs
	if err != nil {
		return err
	}
	_ = img
	browsers, err := hale.NewStatePool(rt, "render", hale.PoolConfig{Workers: 4}, hale.StateConfig[*Browser]{Open: launch})
	if err != nil {
		return err
	}
	return browsers.Submit(ctx, func(ctx context.Context, b *Browser) error { return b.Render(ctx, page) })
}

// Bank is a client of a payment provider's.
type Bank struct{}

// Charge takes the money and returns the number of the payment.
func (Bank) Charge(context.Context) (string, error) { return "", nil }

func domains(ctx context.Context, rt *hale.Runtime, bank Bank, mux *http.ServeMux, suggest, none http.Handler) (string, error) {
	cfg, err := config.Load("hale.yaml")
	if err != nil {
		return "", err
	}
	if err := rt.Reconfigure(cfg); err != nil { // or hale.New(hale.WithConfig(cfg))
		return "", err
	}
	mux.Handle("GET /suggestions", halehttp.Handler(rt, "GET /suggestions", suggest,
		halehttp.Domain("catalog.suggest"), halehttp.Degraded(none))) // who is turned away gets an empty list
	later := func(context.Context, error) (string, error) { return "charged later", nil }
	payment, err := hale.Call(ctx, "payments.charge", bank.Charge, hale.Idempotent(), hale.Fallback(later))
	return payment, err
}

func signals(rt *hale.Runtime, connector driver.Connector, registry prometheus.Registerer, depth func() float64) ([]any, error) {
	log := slog.New(hale.LogHandler(slog.NewJSONHandler(os.Stderr, nil))) // task, domain, request, trace, incident in every record
	client := &http.Client{Transport: halehttp.Transport(rt, nil)}        // request ID and W3C trace go on; each call is a span
	db := sql.OpenDB(halesql.Wrap(rt, connector, halesql.Database("shop")))
	collector, err := haleprom.Register(rt, registry) // hale's metrics, with exemplars that lead to traces
	stop := rt.Measure("mail.queue", depth)           // one of the service's own, to be looked at for surprises
	return []any{log, client, db, collector, stop}, err
}

func total(ctx context.Context, db *sql.DB, id string, sum int, boot int64) error {
	if err := hale.Fenced(ctx); err != nil {
		return err // it was given up, or another run has its place
	}
	_, err := db.ExecContext(ctx, `UPDATE totals SET sum = $1, boot = $2, run = $3 WHERE id = $4 AND (boot, run) <= ($2, $3)`,
		sum, boot, int64(hale.Generation(ctx)), id)
	return err
}

func serve(ctx context.Context, rt *hale.Runtime, server *http.Server) error {
	listener, err := process.Listen("tcp", ":8080") // the parent's socket, where there is one
	if err != nil {
		return err
	}
	probes, err := health.New(rt, health.Config{Critical: []string{"orders.consume"}})
	if err != nil {
		return err
	}
	port, err := process.Listen("tcp", ":8081")
	if err != nil {
		return err
	}
	admin := &http.Server{Handler: probes.Handler()} // /livez, /readyz, /startupz, with reasons in JSON
	rt.Go(ctx, "admin", func(ctx context.Context) error {
		return halehttp.Serve(ctx, admin, port, halehttp.Window(0)) // it leaves at once, for a successor to answer
	})
	rt.Go(ctx, "watchdog", func(ctx context.Context) error { return process.Watch(ctx, probes.Live) })
	if err := process.Ready(); err != nil {
		return err
	}
	probes.Started()                             // all critical tasks run by now, those with a checkpoint too
	return halehttp.Serve(ctx, server, listener) // until SIGTERM; then it drains
}

// Progress is how far the import has come.
type Progress struct{ Next int }

func resume(ctx context.Context, orders []string, work func(context.Context, string) error) error {
	claim, err := checkpoint.Resume[Progress](ctx, checkpoint.Dir("/var/lib/shop"), "orders.import")
	if err != nil {
		return err
	}
	for next := claim.State.Next; next < len(orders); next++ {
		if err := work(ctx, orders[next]); err != nil {
			return err
		}
		if err := claim.Save(ctx, Progress{Next: next + 1}); errors.Is(err, checkpoint.ErrFenced) {
			return nil // another process has the import now
		} // of any other error hale knows: the import goes on, and a person is called
	}
	return nil
}

func backtest() error {
	rec, err := observe.ReadRecording("/var/lib/shop/hale/recording") // of hale.WithDir("/var/lib/shop/hale")
	if err != nil && !errors.Is(err, observe.ErrTruncated) {
		return err // what a process that crashed, or still writes, has cut off is no error here
	}
	decisions, err := hale.Replay(rec, hale.WithConfig(hale.Config{Policy: heal.Policy{Act: heal.Full}}))
	for _, d := range decisions { // what would have been done; nothing is carried out
		for _, c := range d.Commands {
			fmt.Println(c.Time, c.Op, c.Remedy, c.Subject, c.Withheld)
		}
	}
	return err
}

func TestConsumerIsReplaced(t *testing.T) {
	haletest.Run(t, func(t *testing.T, b *haletest.Bubble) { // a testing/synctest bubble: a minute takes milliseconds
		hang := func(ctx context.Context) error { <-ctx.Done(); return nil } // it never beats
		b.Go(t.Context(), "orders.consume", hang, hale.Heartbeat(5*time.Second), hale.Restart(hale.Permanent))
		b.Event(time.Minute, func(e observe.Event) bool { return e.Kind == observe.EventRestarted })
	})
}

func TestOrders(t *testing.T) {
	t.Parallel()
	haletest.NoLeaks(t) // "1 × orders.(*Consumer).watch consumer.go:40: chan receive at …"
	// …
}
