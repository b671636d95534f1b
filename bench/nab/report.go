package main

import (
	"fmt"
	"io"
	"path"
	"time"
	"unsafe"

	"github.com/hale-go/hale/internal/anomaly"
)

// scores returns the score of each point of s.
func (s *series) scores() []float64 {
	var scorer anomaly.Scorer
	out := make([]float64, len(s.values))
	for i, v := range s.values {
		out[i] = scorer.Push(s.times[i], v)
	}
	return out
}

// detections returns the rows at which an anomaly begins. The scores are first
// divided by factor, which is 1 but to look at other thresholds.
func detections(scores []float64, factor float64) []int {
	var alarm anomaly.Alarm
	var rows []int
	for i, score := range scores {
		if alarm.Push(score / factor) {
			rows = append(rows, i)
		}
	}
	return rows
}

// report scores all series and prints what came of it.
func report(out io.Writer, all []series, verbose bool) {
	begin := time.Now()
	scores := make([][]float64, len(all))
	points := 0
	for i := range all {
		scores[i] = all[i].scores()
		points += len(all[i].values)
	}
	took := time.Since(begin)

	fmt.Fprintf(out, "%-58s %6s %5s %8s %7s %8s\n", "series", "points", "found", "windows", "outside", "raw")
	var total outcome
	folders := map[string]outcome{}
	for i, s := range all {
		rows := detections(scores[i], 1)
		o := rate(len(s.values), s.windows, rows)
		fmt.Fprintf(out, "%-58s %6d %5d %4d of %d %7d %+8.3f\n", s.name, len(s.values), o.detections, o.hits, o.windows, o.misplaced, o.raw)
		if verbose {
			for _, row := range rows {
				fmt.Fprintf(out, "    row %5d %s value %g score %.2f\n", row, s.times[row].Format(stampLayout), s.values[row], scores[i][row])
			}
		}
		folders[path.Dir(s.name)] = folders[path.Dir(s.name)].add(o)
		total = total.add(o)
	}
	fmt.Fprintln(out)
	for _, name := range sortedNames(folders) {
		o := folders[name]
		if o.windows == 0 {
			fmt.Fprintf(out, "%-24s no windows, %d detections\n", name, o.misplaced)
			continue
		}
		fmt.Fprintf(out, "%-24s %2d of %2d windows, %3d detections outside, score %.2f\n", name, o.hits, o.windows, o.misplaced, o.score())
	}
	fmt.Fprintln(out)
	fmt.Fprintln(out, "for information: other thresholds, as multiples of the default")
	for _, factor := range []float64{0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.5, 2} {
		var o outcome
		for i, s := range all {
			o = o.add(rate(len(s.values), s.windows, detections(scores[i], factor)))
		}
		fmt.Fprintf(out, "  %.1f: %2d windows, %3d outside, score %.2f\n", factor, o.hits, o.misplaced, o.score())
	}
	fmt.Fprintln(out)
	fmt.Fprintf(out, "%d series, %d points: %d ns a point, %d bytes a series\n",
		len(all), points, took.Nanoseconds()/int64(points), unsafe.Sizeof(anomaly.Scorer{}))
	fmt.Fprintf(out, "%d of %d windows, %d detections, %d of them outside, raw %.3f\n",
		total.hits, total.windows, total.detections, total.misplaced, total.raw)
	fmt.Fprintf(out, "score: %.2f\n", total.score())
}
