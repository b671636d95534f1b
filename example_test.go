package hale_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

func Example() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	hale.SetDefault(rt)
	defer hale.SetDefault(nil)
	defer rt.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	loop := hale.Go(ctx, "hale.loop", rt.Run)

	task := hale.Go(ctx, "orders.consume", func(ctx context.Context) error {
		hale.Beat(ctx) // a task that declares a heartbeat must beat
		fmt.Println("working for", hale.Identify(ctx).Domain)
		return nil
	}, hale.Heartbeat(5*time.Second), hale.Restart(hale.Transient))
	fmt.Println("ended with", task.Wait())
	cancel()
	fmt.Println("loop ended with", loop.Wait())
	// Output:
	// working for orders
	// ended with <nil>
	// loop ended with <nil>
}

// A panic is contained and comes back as an error.
func ExampleGo() {
	task := hale.Go(context.Background(), "orders.consume", func(context.Context) error {
		panic("no such order")
	})
	var p *hale.PanicError
	if errors.As(task.Wait(), &p) {
		fmt.Println(p.Value)
	}
	// Output: no such order
}

// A handler runs on its caller's goroutine.
func ExampleDo() {
	err := hale.Do(context.Background(), "GET /orders/{id}", func(context.Context) error {
		return errors.New("not found")
	})
	fmt.Println(err)
	// Output: not found
}

func ExamplePool_Submit() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	pool, err := rt.NewPool("thumbnails", hale.PoolConfig{Workers: 8, Budget: 2 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = pool.Submit(context.Background(), func(context.Context) error { return nil })
	fmt.Println(err)
	// Output: <nil>
}

func ExampleSubmit() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	pool, err := rt.NewPool("decode", hale.PoolConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	width, err := hale.Submit(context.Background(), pool, func(context.Context) (int, error) { return 640, nil })
	fmt.Println(width, err)
	// Output: 640 <nil>
}

// A supervisor is a service that another supervisor can run.
func ExampleSupervisor() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	orders, err := rt.NewSupervisor("orders", hale.SupervisorConfig{Intensity: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	runs := 0
	orders.Go("orders.consume", func(context.Context) error {
		if runs++; runs == 1 {
			panic("first run")
		}
		cancel()
		return nil
	}, hale.Restart(hale.Transient))
	fmt.Println(orders.Run(ctx), runs)
	// Output: <nil> 2
}

// The consumer needs the store: when the store fails, both are started again, the
// store first.
func ExampleSupervisor_strategy() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	orders, err := rt.NewSupervisor("orders", hale.SupervisorConfig{Strategy: hale.RestForOne})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan int, 1)
	stores, consumers := 0, 0
	orders.Go("orders.store", func(ctx context.Context) error {
		if stores++; stores == 1 {
			<-ready
			return errors.New("the disk is full")
		}
		<-ctx.Done()
		return nil
	}, hale.Restart(hale.Permanent))
	orders.Go("orders.consume", func(ctx context.Context) error {
		consumers++
		ready <- consumers
		if consumers == 2 {
			cancel()
		}
		<-ctx.Done()
		return nil
	}, hale.Restart(hale.Permanent))
	err = orders.Run(ctx)
	fmt.Println("the consumer's run", <-ready, "began with the store's; Run returned", err)
	// Output: the consumer's run 2 began with the store's; Run returned <nil>
}

// A run asks before it writes: it may have been given up, and another have its
// place.
func ExampleFenced() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	save := func(ctx context.Context, total int) error {
		if err := hale.Fenced(ctx); err != nil {
			return err
		}
		fmt.Println("saved", total, "in run", hale.Generation(ctx))
		return nil
	}
	task := rt.Go(context.Background(), "orders.total", func(ctx context.Context) error {
		return save(ctx, 17)
	}, hale.Restart(hale.Transient))
	fmt.Println(task.Wait())
	// Output:
	// saved 17 in run 1
	// <nil>
}

// A function that runs only while it is called takes one turn of the loop at
// the end of each call.
func ExampleRuntime_Step() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	handle := func(ctx context.Context, event string) error {
		defer func() { _ = rt.Step(ctx) }()
		return rt.Do(ctx, "handle", func(context.Context) error { fmt.Println("handled", event); return nil })
	}
	fmt.Println(handle(context.Background(), "upload"))
	// Output:
	// handled upload
	// <nil>
}

func ExampleRuntime_Cancel() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	task := rt.Go(context.Background(), "report.build", func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	n, err := rt.Cancel(observe.Subject{Domain: "report"}, errors.New("not needed any more"))
	fmt.Println(n, err)
	fmt.Println(errors.Is(task.Wait(), context.Canceled))
	// Output:
	// 1 <nil>
	// true
}

func ExampleLogHandler() {
	plain := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	log := slog.New(hale.LogHandler(plain))
	ctx := hale.WithRequestID(context.Background(), "r-17")
	log.InfoContext(ctx, "created")
	// Output: level=INFO msg=created request=r-17
}

func ExampleWithDir() {
	dir, err := os.MkdirTemp("", "hale-*")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	rt, err := hale.New(hale.WithDir(dir))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("turn:", rt.Step(context.Background()))
	fmt.Println("close:", rt.Close())

	rec, err := observe.ReadRecording(filepath.Join(dir, "recording")) // perhaps much later, elsewhere
	fmt.Println(len(rec.Segments), "segment, error:", err)
	fmt.Println("replay differs:", hale.VerifyReplay(rec))
	// Output:
	// turn: <nil>
	// close: <nil>
	// 1 segment, error: <nil>
	// replay differs: <nil>
}
