// Command hale keeps a service healthy from outside: "hale run -- ./service".
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

// usageCode is the exit code of a command that was called wrongly.
const usageCode = 2

func main() {
	code := 0
	build, _ := debug.ReadBuildInfo() // nil where there is none
	root := &cobra.Command{
		Use: "hale", Short: "keeps Go services healthy with nobody at the keyboard", Version: version(build),
		SilenceUsage: true, SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(runCommand(&code), handoverCommand(&code), launchCommand(&code))
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "hale:", err)
		if code == 0 {
			code = usageCode
		}
	}
	os.Exit(code)
}

// launchCommand is what run starts services by; nobody calls it by hand.
func launchCommand(code *int) *cobra.Command {
	return &cobra.Command{
		Use: run.LaunchCommand, Hidden: true, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) (err error) {
			if len(args) > 0 && args[0] == "--" {
				args = args[1:]
			}
			*code, err = run.Launch(args)
			return err
		},
	}
}
