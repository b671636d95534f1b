package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

const handoverLong = `handover asks the "hale run" that was started with --control PATH to hand its service
over to a new process of the same command, to a new version of the program for
instance, waits for what comes of it, and prints each step as a line.

A successor has to say READY=1. Only then does the predecessor get SIGTERM. A service
that has not said READY=1 is stopped instead and started again, and so is one that is
down; the wait then ends when the new process has said READY=1. Where no process of the
service has said so yet, and hale run has no --notify, a second that it runs is enough.

The exit code says what to do:

  0  the new process serves: it has said READY=1. Nobody asks it for more, so what breaks
     later, or keeps /readyz from 200, is not seen. The predecessor ends by itself and may
     still answer what came to it, for some seconds with halehttp.Serve
  1  it does not, since it ended, was not ready in time or could not be started: go back
     to the version before. A predecessor that was ready goes on meanwhile
  2  hale is called wrongly, or no hale run serves PATH
  3  refused, and nothing was begun, since another handover is under way, there were as many
     as --max-restarts within --within, or the service is about to stop: ask again later
  4  unknown, since the wait ended before the handover did, by --timeout or since hale run
     has ended, or says nothing: see its log

What ends the wait, as Ctrl-C or --timeout does, does not stop the handover. Without
--timeout it is waited for as long as hale run takes, which is bounded by its
--ready-timeout and --stop-timeout.`

// Exit codes of a handover, besides 1 of one that failed: who deploys goes back after that one,
// and after none of these.
const (
	refusedCode = 3
	unknownCode = 4
)

// handoverCommand is "hale handover". code is set to what the program is to exit with.
func handoverCommand(code *int) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "handover [flags] path", Short: "have a service of hale run hand over to a new process, and wait for that",
		Long: handoverLong, Example: "  hale handover /run/shop/control\n  hale handover --timeout 2m /run/shop/control",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) != 1 || args[0] == "":
				return errors.New("give one path, that of a hale run's --control: see " + cmd.CommandPath() + " --help")
			case cmd.Flags().Changed("timeout") && timeout <= 0:
				return fmt.Errorf("--timeout is %v: give a duration above 0, or leave it out", timeout)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := context.Background()
			if timeout > 0 {
				within, cancel := context.WithTimeout(ctx, timeout)
				defer cancel()
				ctx = within
			}
			err := run.Ask(ctx, args[0], func(step string) { fmt.Fprintln(cmd.OutOrStdout(), step) })
			switch {
			case errors.Is(err, run.ErrNobody):
				*code = usageCode
			case errors.Is(err, run.ErrRefused):
				*code = refusedCode
			case errors.Is(err, run.ErrOpen):
				*code = unknownCode
			case err != nil:
				*code = 1
			}
			return err
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "wait for so `long` at most (default: as long as it takes)")
	return cmd
}
