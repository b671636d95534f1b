package standby_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/hale-go/hale/standby"
)

// Two services that answer the same, of which the first one goes down.
func ExampleNew() {
	var down atomic.Bool
	side := func(name string, check func() error) standby.Side[string] {
		return standby.Side[string]{
			Name:  name,
			Open:  func(context.Context) (string, error) { return "a client of " + name, nil },
			Check: func(context.Context, string) error { return check() },
		}
	}
	changes := make(chan standby.Change, 8)
	sw, err := standby.New(standby.Config{Interval: 10 * time.Millisecond, OnChange: func(c standby.Change) { changes <- c }},
		side("first", func() error {
			if down.Load() {
				return errors.New("connection refused")
			}
			return nil
		}),
		side("second", func() error { return nil }))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sw.Run(ctx) }()

	work := func() {
		err := sw.Use(ctx, func(_ context.Context, client string) error {
			fmt.Println("work with", client)
			return nil
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println((<-changes).Reason)
	work()
	down.Store(true)
	fmt.Println((<-changes).Reason)
	work()
	cancel()
	fmt.Println(<-ended)
	// Output:
	// started
	// work with a client of first
	// failover
	// work with a client of second
	// <nil>
}

// One pool over a PostgreSQL server and its streaming standby, which is promoted when the
// primary is down.
func ExampleNewConnector() {
	side := func(name, url string) standby.DBSide {
		cfg, err := pgx.ParseConfig(url)
		if err != nil {
			panic(err)
		}
		return standby.Postgres(name, stdlib.GetConnector(*cfg))
	}
	primary, follower := side("db1", "postgres://db1/orders"), side("db2", "postgres://db2/orders")
	follower.Promote = standby.PromotePostgres
	c, err := standby.NewConnector(standby.Config{}, primary, follower)
	if err != nil {
		panic(err)
	}
	db := sql.OpenDB(c) // the service uses it as any other
	defer db.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { _ = c.Run(ctx) }() // for as long as the service runs
}
