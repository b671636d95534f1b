// Command bench compares hale with its alternatives: side by side, on the same
// work, in one process. "make bench" runs it. It prints one row a line,
//
//	name | ratio | target | ok or short
//
// and exits 0 whatever the verdicts are; another status means that it could not
// run. README.md says what each row measures.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"time"
)

func main() {
	if ran := child(os.Stdout); ran {
		return
	}
	rounds := flag.Int("rounds", 20, "rounds of each contest; the ratio is the median over them")
	pattern := flag.String("run", "", "only contests whose name matches this regular expression: pool/1, pool/16, go/1, go/16, restart, stuck, beat, parked, log, snapshot/1k/4 .. snapshot/1M/16, idle, http, middleware, serve, retry, rate, adaptive, call/1, call/2, probe, walls, permits, dump, checkpoint")
	verbose := flag.Bool("v", false, "print the spread over the rounds below each row")
	flag.Parse()
	match, err := regexp.Compile(*pattern)
	if err != nil || *rounds < 1 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "bench: -rounds takes a number above 0 and -run a regular expression:", err)
		os.Exit(2)
	}
	if err := run(os.Stdout, contests(fullSize), *rounds, match, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// size is how much work one round is.
type size struct {
	units    int // of the pool and go contests
	restarts int
	stuck    int // units
	beats    int
	logs     int // records
	parked   int // goroutines
	snapshot []int
	idle     time.Duration
	http     time.Duration // of load for each turn
	requests int           // of the middleware contest
	served   int           // requests of the serve contest, for each side
	retries  int           // calls of the retry and rate contests
	calls    int           // of the call contests
	open     time.Duration // of a breaker of the probe contest
	walls    time.Duration // of load for each side
	mixed    int           // calls of the permits contest
	saves    int           // of the checkpoint contest
	adaptive time.Duration // of a simulated phase of the adaptive contests
	dump     int           // goroutines
}

// fullSize makes a round some tens of milliseconds for each contestant. A
// restart emits two events, of which hale keeps 4096 until the loop's next turn:
// no more restarts than find room, since dropping them would be cheaper.
var fullSize = size{
	units: 32_000, restarts: 2_000, stuck: 40, beats: 2_000_000, logs: 50_000, parked: 10_000,
	snapshot: []int{1_000, 10_000, 100_000, 1_000_000}, idle: 20 * time.Second, http: 400 * time.Millisecond,
	requests: 20_000, served: 10_000, retries: 500_000, calls: 500_000, open: 20 * time.Millisecond,
	walls: 800 * time.Millisecond, mixed: 100_000, adaptive: time.Minute, dump: 5_000, saves: 100,
}

// contests returns all of them.
func contests(s size) []contest {
	var out []contest
	for _, producers := range []int{1, 16} {
		out = append(out, poolContest(producers, s.units))
	}
	for _, producers := range []int{1, 16} {
		out = append(out, goContest(producers, s.units))
	}
	out = append(out, restartContest(s.restarts), stuckContest(s.stuck), beatContest(s.beats), parkedContest(s.parked), logContest(s.logs), httpContest(s.http), middlewareContest(s.requests), serveContest(s.served), retryContest(s.retries), rateContest(s.retries),
		adaptiveContest("adaptive", false, s.adaptive), adaptiveContest("adaptive/deaf", true, s.adaptive))
	for _, callers := range []int{1, 2} {
		out = append(out, callContest(callers, s.calls))
	}
	out = append(out, probeContest(s.open), wallsContest(s.walls), permitsContest(s.mixed), dumpContest(s.dump), checkpointContest(s.saves))
	for _, n := range s.snapshot {
		out = append(out, snapshotContest(n, 4), snapshotContest(n, 16))
	}
	return append(out, idleContest(s.idle))
}

// run plays the contests that match and prints their rows.
func run(w io.Writer, all []contest, rounds int, match *regexp.Regexp, verbose bool) error {
	fmt.Fprintf(w, "# %s, GOMAXPROCS %d, %s/%s, %d rounds; a ratio is the median over the rounds\n",
		runtime.Version(), runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH, rounds)
	for _, c := range all {
		if !match.MatchString(c.name) {
			continue
		}
		results, err := c.play(rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		for _, r := range c.rows(results) {
			fmt.Fprintln(w, r)
			if verbose {
				fmt.Fprintf(w, "#   %s\n", r.detail())
			}
		}
	}
	return nil
}
