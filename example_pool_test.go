package hale_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hale-go/hale"
)

// parser is a state that is costly to make and that no two units may use at once.
type parser struct{ parsed int }

func (p *parser) parse(string) error { p.parsed++; return nil }

func ExampleNewStatePool() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	pool, err := hale.NewStatePool(rt, "parse", hale.PoolConfig{Workers: 1}, hale.StateConfig[*parser]{
		Open:  func(context.Context) (*parser, error) { return &parser{}, nil },
		Close: func(p *parser) error { fmt.Println("closed after", p.parsed); return nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"a", "b"} {
		if err := pool.Submit(context.Background(), func(_ context.Context, p *parser) error { return p.parse(text) }); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(pool.Close(context.Background()))
	// Output:
	// closed after 2
	// <nil>
}

func ExampleIdempotent() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	pool, err := rt.NewPool("lookup", hale.PoolConfig{Workers: 1, Budget: 20 * time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	runs, network := make(chan int, 2), make(chan struct{})
	runs <- 1
	price, err := hale.Submit(context.Background(), pool, func(context.Context) (string, error) {
		if n := <-runs; n == 1 {
			runs <- 2
			<-network // hangs and ignores its context
		}
		return "9.95", nil
	}, hale.Idempotent())
	fmt.Println(price, err)
	close(network)
	// Output: 9.95 <nil>
}

func ExamplePool_Resize() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	pool, err := rt.NewPool("thumbnails", hale.PoolConfig{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(pool.Resize(8), pool.Stat().Size)
	var bad *hale.ConfigError
	fmt.Println(errors.As(pool.Resize(0), &bad), bad.Hint())
	// Output:
	// <nil> 8
	// true give a number of workers from 1 to 1048576
}
