package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/examples/shop/recoclient"
	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/haleotel"
	"github.com/hale-go/hale/health"
	"github.com/hale-go/hale/process"
)

// serviceConfig says where the shop lives.
type serviceConfig struct {
	Dir         string // of its files; "": a temporary one, removed at the end
	Record      string // folder for hale's recordings and journals, 1 of the first process, 2 of its successor; "": no recording, the journal is in Dir
	Addr, Admin string // loopback addresses
}

// addresses is what the shop prints once it serves. Its successor prints the same ones.
type addresses struct {
	Service string `json:"service"`
	Admin   string `json:"admin"`
	PID     int    `json:"pid"`
}

// service is the shop.
type service struct {
	dir      string
	rt       *hale.Runtime
	log      *slog.Logger
	faults   faults
	store    *store
	payments *payments
	reco     *recoclient.Client
	thumbs   *hale.Pool
	events   *eventLog
	metrics  http.Handler
	files    files
	crawler  crawler
	counts   atomic.Int64 // of the stock
}

// serve runs the shop until ctx is done.
func serve(ctx context.Context, cfg serviceConfig, out, logs io.Writer) (err error) {
	if cfg.Dir == "" {
		if cfg.Dir, err = os.MkdirTemp("", "shop-*"); err != nil {
			return err
		}
		defer os.RemoveAll(cfg.Dir)
	}
	s := &service{
		dir:    cfg.Dir,
		log:    slog.New(hale.LogHandler(slog.NewJSONHandler(logs, nil))),
		faults: newFaults(), reco: recoclient.New(),
	}
	s.faults[faultLeak].set = s.reco.SetPrefetch
	s.faults[faultFiles].set = s.files.turn
	s.faults[faultFull].set = s.crawler.turn
	s.faults[faultFatal].set = visits{}.turn
	limitFiles()
	rules, err := settings()
	if err != nil {
		return err
	}
	if s.store, err = openStore(cfg.Dir); err != nil {
		return err
	}
	if cfg.Record != "" {
		if cfg.Record, err = ownFolder(cfg.Record); err != nil {
			return err
		}
	}
	journal, err := openJournal(cmp.Or(cfg.Record, cfg.Dir))
	if err != nil {
		return err
	}
	defer journal.Close()
	spans, err := openTraces(cfg.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spans.close()) }()
	if s.rt, err = hale.New(
		hale.WithConfig(rules), hale.WithLogger(s.log), hale.WithJournal(journal), hale.WithDir(cfg.Record),
		hale.WithTracer(haleotel.NewTracer(spans.provider)), hale.WithHandover(process.Handover),
	); err != nil {
		return err
	}
	if s.metrics, err = metrics(s.rt); err != nil {
		return errors.Join(err, s.rt.Close())
	}
	hale.SetDefault(s.rt)
	if s.payments, err = newPayments(s.rt, s.faults[faultSlow], s.faults[faultDown]); err != nil {
		return errors.Join(err, s.rt.Close())
	}
	defer s.payments.close()
	s.events = watchEvents(s.rt)
	defer func() {
		s.faults.allOff()
		err = errors.Join(err, s.rt.Close())
	}()
	return s.run(ctx, cfg, out)
}

// ownFolder makes a folder for this process: while one hands over to its successor, both
// of them record.
func ownFolder(in string) (string, error) {
	if err := os.MkdirAll(in, 0o700); err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		dir := filepath.Join(in, strconv.Itoa(n))
		if err := os.Mkdir(dir, 0o700); !errors.Is(err, os.ErrExist) {
			return dir, err
		}
	}
}

func openJournal(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(dir, "journal.jsonl"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// run serves, starts the shop's tasks and waits for the end.
func (s *service) run(ctx context.Context, cfg serviceConfig, out io.Writer) error {
	var err error
	if s.thumbs, err = s.rt.NewPool("thumbnails", hale.PoolConfig{
		Workers: 4, MaxWait: time.Second, Budget: 600 * time.Millisecond, Grace: 200 * time.Millisecond, MaxAbandoned: 32,
	}); err != nil {
		return err
	}
	probes, err := health.New(s.rt, health.Config{Critical: []string{"orders.consume"}})
	if err != nil {
		return err
	}
	asked := ctx // to end; anything else that ends the shop is an error
	ctx, stop := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop(nil)
	shop, err := listen(cfg.Addr)
	if err != nil {
		return err
	}
	admin, err := listen(cfg.Admin)
	if err != nil {
		return errors.Join(err, shop.Close())
	}
	running.Go(func() { stop(s.rt.Run(ctx)) }) // without its loop the shop had better be closed
	running.Go(func() {
		if err := process.Watch(ctx, probes.Live); err != nil {
			stop(err)
		}
	})
	served := make(chan error, 2)
	for l, h := range map[net.Listener]http.Handler{shop: s.routes(), admin: s.admin(admin.Addr().String())} {
		running.Go(func() {
			server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
			err := halehttp.Serve(ctx, server, l, halehttp.Window(time.Second), halehttp.DrainTimeout(2*time.Second))
			stop(err)
			served <- err
		})
	}
	// What goes on beside the requests is for one process at a time: a predecessor ends its
	// own when it hears that this one is ready.
	if err := process.Ready(); err != nil {
		return err
	}
	s.start(ctx)
	probes.Started()
	ready := addresses{Service: "http://" + shop.Addr().String(), Admin: "http://" + admin.Addr().String(), PID: os.Getpid()}
	s.crawler.visit(ready.Service)
	if err := json.NewEncoder(out).Encode(ready); err != nil {
		return err
	}
	<-ctx.Done()
	if asked.Err() == nil {
		return context.Cause(ctx)
	}
	return errors.Join(process.Stopping(), <-served, <-served)
}

// start starts the shop's tasks.
func (s *service) start(ctx context.Context) {
	hale.Go(ctx, "orders.consume", s.consume, hale.Heartbeat(time.Second), hale.Grace(500*time.Millisecond), hale.Restart(hale.Permanent))
	hale.Go(ctx, "invoices.mail", s.mail, hale.Heartbeat(2*time.Second), hale.Restart(hale.Permanent))
	hale.Go(ctx, "stock.count", s.countStock, hale.Heartbeat(2*time.Second), hale.Restart(hale.Permanent))
	hale.Go(ctx, "orders.settle", s.settle, hale.Heartbeat(6*time.Second), hale.Restart(hale.Permanent))
	hale.Go(ctx, "orders.export", s.export, hale.Heartbeat(6*time.Second), hale.Restart(hale.Transient))
	hale.Go(ctx, "prices.refresh", s.refreshPrices, hale.Heartbeat(6*time.Second), hale.Restart(hale.Permanent))
}

// listen refuses all but loopback: the admin page can break the shop, and the
// shop has no customers. A successor gets the socket that its predecessor had.
func listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%s is not a loopback address", addr)
	}
	return process.Listen("tcp", addr)
}
