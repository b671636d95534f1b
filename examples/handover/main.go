package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if err := command(); err != nil {
		fmt.Fprintln(os.Stderr, "handover:", err)
		os.Exit(1)
	}
}

func command() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) < 2 {
		return fmt.Errorf("say serve or chaos")
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ContinueOnError)
	switch os.Args[1] {
	case "serve":
		address := flags.String("address", "127.0.0.1:8080", "where to serve")
		if err := flags.Parse(os.Args[2:]); err != nil {
			return err
		}
		return serve(ctx, *address)
	case "chaos":
		c := chaos{out: os.Stdout}
		flags.StringVar(&c.hale, "hale", "hale", "the program hale")
		flags.IntVar(&c.rate, "rate", 1000, "requests a second")
		flags.IntVar(&c.handovers, "handovers", 5, "how many")
		flags.DurationVar(&c.steady, "steady", 3*time.Second, "for how long nothing happens before each fault")
		flags.DurationVar(&c.watchdog, "watchdog", 2*time.Second, "how long a service may be silent")
		if err := flags.Parse(os.Args[2:]); err != nil {
			return err
		}
		return c.run(ctx)
	}
	return fmt.Errorf("%q is neither serve nor chaos", os.Args[1])
}
