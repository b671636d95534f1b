package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// maxLine is about how much of a line people read.
const maxLine = 220

// timeline prints what happens as it happens.
type timeline struct {
	out   io.Writer
	start time.Time
}

func (t timeline) print(fault string, lines ...line) {
	for _, l := range lines {
		text := strings.Join(strings.Fields(l.Text), " ")
		if len(text) > maxLine {
			text = strings.ToValidUTF8(text[:maxLine], "") + "…"
		}
		fmt.Fprintf(t.out, "%+6.1fs  %-14s  %-11s  %s\n", l.Time.Sub(t.start).Seconds(), fault, l.Step, text)
	}
}

// print prints the verdict: the table, and what is wrong.
func (v verdict) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "\nfault\toutcome\tdetect\tisolate\trecover\trequests failed: before\tduring\tafter")
	for _, r := range v.Rows {
		outcome := string(r.Outcome)
		if outcome == "" {
			outcome = "none"
		}
		if r.Wrong {
			outcome += " (wrong)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\n", r.Fault, outcome,
			seconds(r.Detect), seconds(r.Isolate), seconds(r.Recover), r.Before, r.During, r.After)
	}
	_ = w.Flush()
	fmt.Fprintln(out, "\nTimes are from the beginning of the fault: detect until it was confirmed, isolate until it was cut off,")
	fmt.Fprintln(out, "or people were told where there is no remedy yet, recover until hale had verified the outcome.")
	fmt.Fprintln(out, "Of the last two: isolate until another process served, recover until the one before had ended.")
	if len(v.Notes) > 0 {
		fmt.Fprintln(out, "\n"+strings.Join(v.Notes, "\n"))
	}
	if len(v.Problems) == 0 {
		fmt.Fprintf(out, "\nEvery fault came to what is promised, and nothing else was touched: %d requests, %d of them failed,\n", v.Requests, v.Failed)
		fmt.Fprintln(out, "all of those on a route that was hurt, while it was hurt, or under way when the process died.")
		return
	}
	fmt.Fprintln(out, "\nFAILED")
	for _, p := range v.Problems {
		fmt.Fprintln(out, "  -", p)
	}
}

func seconds(d time.Duration) string {
	if d <= 0 {
		return "never"
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}
