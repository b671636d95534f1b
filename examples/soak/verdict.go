package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A quantity is flat when its trend over the time after the warm-up comes to
// less than a tenth of its median, or than a floor that is its noise.
const maxShare = 0.1

// quantities are what is judged.
var quantities = []struct {
	name  string
	unit  string
	scale float64
	floor float64
	of    func(Sample) float64
}{
	{"memory", "KB", 1024, 1 << 20, func(s Sample) float64 { return s.Memory }},
	{"goroutines", "goroutines", 1, 5, func(s Sample) float64 { return s.Goroutines }},
	{"files", "files", 1, 5, func(s Sample) float64 { return s.Files }},
}

// maxWarmUp is for how long hale's tables fill at the most: its recording holds
// a number of turns, closed incidents are kept up to a number.
const maxWarmUp = 15 * time.Minute

// afterWarmUp returns the samples of the second half, or of all but the first
// quarter of an hour.
func afterWarmUp(samples []Sample) []Sample {
	if len(samples) == 0 {
		return nil
	}
	from := min(samples[len(samples)-1].At/2, maxWarmUp)
	i := slices.IndexFunc(samples, func(s Sample) bool { return s.At >= from })
	return samples[i:]
}

// minSamples is how many the verdict needs.
const minSamples = 6

// judge prints the verdict and returns an error when something is not flat.
func judge(samples []Sample, out io.Writer) error {
	s := afterWarmUp(samples)
	if len(s) < minSamples {
		return fmt.Errorf("%d samples after the warm-up, want %d: soak for longer", len(s), minSamples)
	}
	span := s[len(s)-1].At - s[0].At
	var parts, bad []string
	for _, q := range quantities {
		slope := trend(s, q.of) // for each hour
		level := median(s, q.of)
		grown := slope * span.Hours()
		part := fmt.Sprintf("%s %.0f %s, %+.1f %s in that time", q.name, level/q.scale, q.unit, grown/q.scale, q.unit)
		parts = append(parts, part)
		if grown > max(maxShare*level, q.floor) {
			bad = append(bad, part)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("not flat in %v after the warm-up: %s", span.Round(time.Second), strings.Join(bad, ", "))
	}
	_, err := fmt.Fprintf(out, "soak: ok: in %v after the warm-up: %s\n", span.Round(time.Second), strings.Join(parts, ", "))
	return err
}

// trend returns the slope for each hour: the median of the slopes between all
// pairs of samples (Theil 1950, Sen 1968), which single outliers do not move.
func trend(samples []Sample, of func(Sample) float64) float64 {
	step := max(1, len(samples)/150) // of a day's samples a few are enough
	var slopes []float64
	for i := 0; i < len(samples); i += step {
		for j := i + step; j < len(samples); j += step {
			if dt := (samples[j].At - samples[i].At).Hours(); dt > 0 {
				slopes = append(slopes, (of(samples[j])-of(samples[i]))/dt)
			}
		}
	}
	return middle(slopes)
}

func median(samples []Sample, of func(Sample) float64) float64 {
	values := make([]float64, 0, len(samples))
	for _, s := range samples {
		values = append(values, of(s))
	}
	return middle(values)
}

func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
