package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

const runLong = `run starts a service and keeps it up: it starts it again when it crashes or hangs,
with growing delays, and gives up when that is of no use. It holds listening sockets
meanwhile, so that connections wait and are not refused, and hands over to a successor
without a failed request.

For that it speaks systemd's protocols: a service that gets its sockets and says that
it is ready by package process of hale, or any library for socket activation and
sd_notify, works under systemd unchanged:

  READY=1      it serves; on a handover the predecessor then gets SIGTERM and drains
  WATCHDOG=1   it is alive; from the first one on it must say so in time
  STOPPING=1   it is about to end
  FDSTORE=1    here is a socket to hold; the next process gets it by LISTEN_FDS

A service that says none of it is started again when it crashes, all the same.

Signals: SIGTERM and SIGINT stop the service, a second SIGINT at once; SIGUSR2 hands
over, to a new version of the program for instance; others are passed on. The exit
code is the service's, or 128 and the number of the signal that ended it.`

// runCommand is "hale run". code is set to what the program is to exit with.
func runCommand(code *int) *cobra.Command {
	var cfg run.Config
	var restart, incidents string
	var off bool
	cmd := &cobra.Command{
		Use: "run [flags] -- command [argument]...", Short: "run a service, and start it again when it crashes or hangs",
		Long: runLong, Example: "  hale run -- ./shop\n  hale run --listen :8080 --notify -- ./shop -config shop.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			cfg.Command, cfg.Restart = args, run.Restart(restart)
			if off {
				cfg.Watchdog = -1
			}
			if incidents != "" {
				f, err := os.OpenFile(incidents, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
				if err != nil {
					return fmt.Errorf("the file for incidents: %w", err)
				}
				defer f.Close() // each line was written, or told of
				cfg.Incidents = f
			}
			r, err := run.New(cfg)
			if err != nil {
				return err
			}
			*code, err = r.Run(context.Background())
			if errors.Is(err, run.ErrConfig) {
				*code = usageCode
			}
			return err
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.StringArrayVar(&cfg.Listen, "listen", nil, "hold a socket of this `address` from the start: host:port or unix:/path; may be repeated")
	f.StringVar(&restart, "restart", string(run.OnFailure), "start it again `when` it ends: on-failure, always or never")
	f.IntVar(&cfg.MaxRestarts, "max-restarts", 10, "give up after this `many` restarts within --within")
	f.DurationVar(&cfg.Within, "within", time.Minute, "the `time` for --max-restarts")
	f.DurationVar(&cfg.Delay, "max-delay", 30*time.Second, "the longest `wait` before a restart; the first is at once")
	f.DurationVar(&cfg.Watchdog, "watchdog", 10*time.Second, "how `long` a service that says WATCHDOG=1 may be silent")
	f.BoolVar(&off, "no-watchdog", false, "ask for no WATCHDOG=1")
	f.BoolVar(&cfg.Notify, "notify", false, "the service says READY=1, and must within --ready-timeout")
	f.DurationVar(&cfg.ReadyTimeout, "ready-timeout", time.Minute, "how `long` a service may take to be ready, on a handover or with --notify")
	f.DurationVar(&cfg.StopTimeout, "stop-timeout", 30*time.Second, "how `long` it may take to end before it is killed")
	f.StringVar(&incidents, "incidents", "", "append each incident to this `file`, as a line of JSON")
	return cmd
}
