package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
  WATCHDOG=1   it is alive; from the first one on it must say so in time, but not before
               READY=1 where that is waited for: with --notify, and on a handover
  STOPPING=1   it is about to end
  FDSTORE=1    here is a socket to hold; the next process gets it by LISTEN_FDS

A service that says none of it is started again when it crashes, all the same. It has to
stay in the foreground: when the process ends that was started, the service has ended.

Signals: SIGTERM and SIGINT stop the service, a second SIGINT at once. SIGUSR2 hands
over, to a new version of the program for instance; if it comes during a handover,
another handover follows that one. Others are passed on. SIGHUP that ends the service, as
of a terminal that was closed, is no failure. With --control PATH "hale handover PATH"
asks for a handover too, and waits for what comes of it.

The exit code is the service's, or 128 and the number of the signal that ended it; 1 and
not 0 if it is given up, 127 if there is no such command, 126 if it cannot be run, 2 if
hale is called wrongly.

Within another "hale run", or under systemd, READY=1 is passed on upwards. Sockets are
not: give --listen to the outermost, or have a socket unit, where that starts hale
again or hands it over. Give --control to the outermost too.`

// runCommand is "hale run". code is set to what the program is to exit with.
func runCommand(code *int) *cobra.Command {
	var cfg run.Config
	var restart, incidents, logFormat string
	var off bool
	cmd := &cobra.Command{
		Use: "run [flags] -- command [argument]...", Short: "run a service, and start it again when it crashes or hangs",
		Long: runLong, Example: "  hale run -- ./shop\n  hale run --listen :8080 --notify -- ./shop -config shop.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg.Command, cfg.Restart, cfg.LogFormat = args, run.Restart(restart), run.LogFormat(logFormat)
			if err := usable(cmd.Flags()); err != nil {
				return err
			}
			if off {
				cfg.Watchdog = -1
			}
			if incidents != "" {
				f, err := openIncidents(incidents)
				if f == nil {
					return err
				}
				if err != nil {
					fmt.Fprintln(os.Stderr, "hale:", err.Error()+": it is tried again with each incident")
				}
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
	f.StringVar(&cfg.Control, "control", "", "take requests of \"hale handover\" on a Unix socket with this `path`; only this user and root may ask")
	f.StringVar(&restart, "restart", string(run.OnFailure), "start it again `when` it ends: on-failure, always or never")
	f.IntVar(&cfg.MaxRestarts, "max-restarts", 10, "give up after this `many` restarts within --within")
	f.DurationVar(&cfg.Within, "within", time.Minute, "the `time` for --max-restarts")
	f.DurationVar(&cfg.Delay, "max-delay", 30*time.Second, "the longest `wait` before a restart; the first is at once")
	f.DurationVar(&cfg.Watchdog, "watchdog", 10*time.Second, "how `long` a service that says WATCHDOG=1 may be silent")
	f.BoolVar(&off, "no-watchdog", false, "ask for no WATCHDOG=1")
	f.BoolVar(&cfg.Notify, "notify", false, "the service says READY=1, and must within --ready-timeout")
	f.DurationVar(&cfg.ReadyTimeout, "ready-timeout", time.Minute, "how `long` a service may take to be ready, on a handover or with --notify")
	f.DurationVar(&cfg.StopTimeout, "stop-timeout", 30*time.Second, "how `long` it may take to end before it has to print its stacks and is killed")
	f.StringVar(&logFormat, "log-format", string(run.Logfmt), "write hale's own log to stderr as `logfmt` or json, where durations are nanoseconds; what the service writes there stays as it is")
	f.StringVar(&incidents, "incidents", "", "append each incident to this `file`, as a line of JSON; /dev/stdout and /dev/stderr too")
	return cmd
}

// usable refuses a flag that was given as 0 or as nothing, which a Config takes for one that was
// not, and a watchdog below that, by which it means none.
func usable(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		switch v := f.Value.String(); {
		case v == "0" || v == "0s":
			err = fmt.Errorf("%w: --%s is %s: give more than that, or leave it out", run.ErrConfig, f.Name, v)
		case f.Name == "control" && v == "":
			err = fmt.Errorf("%w: --control is empty: give a path, or leave it out", run.ErrConfig)
		case f.Name == "watchdog" && strings.HasPrefix(v, "-"):
			err = fmt.Errorf("%w: --watchdog is %s: give 100ms to 24h, or --no-watchdog", run.ErrConfig, v)
		}
	})
	return err
}
