// Command loghub measures how well and how fast hale groups log lines, on the
// samples of Loghub (2000 lines of each system, labelled by hand), beside Drain
// with its usual settings, written anew in drain.go. One configuration for all
// systems.
//
//	go run ./loghub -data DIR
//
// DIR holds a folder for each system with a *_structured.csv in it, or a folder
// loghub that does. For each system it prints grouping accuracy (GA), the F1 of
// groups (FGA), the number of groups and lines a second, and at the end
//
//	score: GA 0.xxx FGA 0.xxx speed N.Nx
//
// the means over the systems, and how many times less processor time hale takes
// than Drain. The exit status is 2 when it cannot read the data.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program; it returns the exit status.
func run(args []string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("loghub", flag.ContinueOnError)
	flags.SetOutput(errs)
	data := flags.String("data", "", "folder with the samples: DIR/SYSTEM/*_structured.csv or DIR/loghub/SYSTEM/*_structured.csv")
	rounds := flags.Int("rounds", 15, "rounds of the comparison of speed; the ratio is the median over them")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if *data == "" || *rounds < 1 || flags.NArg() > 0 {
		fmt.Fprintln(errs, "loghub: give the folder of the samples with -data DIR, a number of rounds above 0, and nothing else")
		return 2
	}
	samples, err := load(*data)
	if err != nil {
		fmt.Fprintln(errs, "loghub:", err)
		return 2
	}
	report(out, samples, *rounds)
	return 0
}

// report measures and prints.
func report(out io.Writer, samples []sample, rounds int) {
	took := race(samples, rounds)
	fmt.Fprintf(out, "%-14s %6s %6s | %5s %5s %6s %9s | %5s %5s %6s %9s\n",
		"system", "lines", "groups", "hale", "FGA", "groups", "lines/s", "drain", "FGA", "groups", "lines/s")
	var sum [2]score
	for i, s := range samples {
		fmt.Fprintf(out, "%-14s %6d %6d", s.name, len(s.lines), distinct(s.events))
		for k, m := range miners {
			got := judge(m.group(s.lines), s.events)
			sum[k].ga += got.ga / float64(len(samples))
			sum[k].fga += got.fga / float64(len(samples))
			fmt.Fprintf(out, " | %.3f %.3f %6d %9.0f", got.ga, got.fga, got.groups, float64(len(s.lines))/took.wall[k][i].Seconds())
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "%-14s %6s %6s", "mean", "", "")
	for k := range miners {
		fmt.Fprintf(out, " | %.3f %.3f %6s %9s", sum[k].ga, sum[k].fga, "", "")
	}
	fmt.Fprintln(out)
	low, mid, high := spread(took.ratios)
	fmt.Fprintf(out, "speed: drain, as in drain.go, takes %.1f times the processor time of hale (median of %d rounds, %.1f to %.1f)\n", mid, len(took.ratios), low, high)
	fmt.Fprintf(out, "score: GA %.3f FGA %.3f speed %.1fx\n", sum[0].ga, sum[0].fga, mid)
}
