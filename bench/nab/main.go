// Command nab scores hale's anomaly scorer on the Numenta Anomaly Benchmark.
//
//	go run ./nab -data DIR
//
// DIR holds the CSV series and combined_windows.json of the benchmark
// (github.com/numenta/NAB: its folder data, with labels/combined_windows.json
// copied beside them), or is a folder that has them in a folder nab. Any share of
// the series will do: the others are left out.
//
// Each series is scored as it comes, point by point, with the same scorer and the
// same threshold. The program prints a line for each, then all together, and in
// the last line the score by the benchmark's standard profile. It exits 2, with a
// line that names the place, when it cannot read the data.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program; it returns the exit status.
func run(args []string, out, complaints io.Writer) int {
	flags := flag.NewFlagSet("nab", flag.ContinueOnError)
	flags.SetOutput(complaints)
	dir := flags.String("data", "", "folder with combined_windows.json and the series, or one that has them in a folder nab")
	verbose := flags.Bool("v", false, "print the detections of each series, with their scores")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if *dir == "" || flags.NArg() > 0 {
		fmt.Fprintln(complaints, "nab: -data takes the folder of the benchmark's series; see go doc ./nab")
		return 2
	}
	all, err := load(*dir)
	if err != nil {
		fmt.Fprintln(complaints, "nab:", err)
		if bad, ok := errors.AsType[*dataError](err); ok {
			fmt.Fprintln(complaints, "nab:", bad.Hint())
		}
		return 2
	}
	report(out, all, *verbose)
	return 0
}
