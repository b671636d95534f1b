package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage:
  shop serve [-dir folder] [-record folder] [-addr 127.0.0.1:0] [-admin 127.0.0.1:0]
  shop load -target http://127.0.0.1:8080
  shop demo [-hale program] [-keep] [-record folder]
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	switch {
	case err == nil:
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("wrong usage")

func command(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var cfg serviceConfig
	flags.StringVar(&cfg.Dir, "dir", "", "")
	flags.StringVar(&cfg.Record, "record", "", "")
	flags.StringVar(&cfg.Addr, "addr", "127.0.0.1:0", "")
	flags.StringVar(&cfg.Admin, "admin", "127.0.0.1:0", "")
	target := flags.String("target", "", "")
	asChild := flags.Bool("child", false, "")
	program := flags.String("hale", "hale", "")
	keep := flags.Bool("keep", os.Getenv("KEEP") != "" && os.Getenv("KEEP") != "0", "")
	if flags.Parse(args[1:]) != nil || flags.NArg() > 0 {
		return errUsage
	}
	if *asChild {
		var stop context.CancelFunc
		ctx, stop = whileParentLives(ctx, os.Stdin)
		defer stop()
	}
	switch args[0] {
	case "serve":
		return serve(ctx, cfg, os.Stdout, os.Stderr)
	case "load":
		return load(ctx, *target, os.Stdout)
	case "demo":
		return demo(ctx, *keep, *program, cfg.Record, os.Stdout)
	}
	return errUsage
}

// whileParentLives returns a context that ends with the parent, however that
// ends: the parent holds the other end of stdin and never writes to it.
func whileParentLives(ctx context.Context, stdin io.Reader) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // the end is the message, whatever the error
		stop()
	}()
	return ctx, stop
}
