package goroutine_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/pprof/profile"
	"github.com/hale-go/hale/internal/goroutine"
)

// ownProfile is the goroutine profile of this process, unzipped.
func ownProfile(t testing.TB) []byte {
	var zipped, raw bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&zipped, 0); err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(&zipped)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	return raw.Bytes()
}

// encoded is a profile in the form that is zipped.
func encoded(p *profile.Profile) []byte {
	var b bytes.Buffer
	_ = p.WriteUncompressed(&b) // a buffer never fails
	return b.Bytes()
}

func zip(raw []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	_, _ = w.Write(raw)
	_ = w.Close()
	return b.Bytes()
}

func TestDecodeBoundsTheSize(t *testing.T) {
	raw := ownProfile(t)
	if _, err := goroutine.Decode(zip(raw), int64(len(raw))); err != nil {
		t.Error(err)
	}
	if _, err := goroutine.Decode(zip(raw), int64(len(raw)-1)); err == nil {
		t.Error("no error beyond the limit")
	}
	if _, err := goroutine.Decode(zip(make([]byte, 64<<20)), 1<<20); err == nil {
		t.Error("no error for a bomb")
	}
}

// reference reads a profile with the library that defines the format. ok is
// false for one that either cannot be read or is not that of a goroutine profile.
func reference(raw []byte) (out []goroutine.Sample, ok bool) {
	p, err := profile.ParseUncompressed(raw)
	if err != nil || p.CheckValid() != nil {
		return nil, false
	}
	for _, l := range p.Location {
		if l.ID > uint64(len(raw)) {
			return nil, false
		}
	}
	for _, f := range p.Function {
		if f.ID > uint64(len(raw)) {
			return nil, false
		}
	}
	first := func(values []string) string {
		if len(values) == 0 {
			return ""
		}
		return values[0]
	}
	total := 0
	for _, s := range p.Sample {
		for _, l := range s.Location {
			total += len(l.Line)
		}
		if total > 1<<16 || len(s.Value) == 0 || s.Value[0] < 0 || s.Value[0] > 1<<32 {
			return nil, false
		}
		next := goroutine.Sample{Count: int(s.Value[0])}
		for _, l := range s.Location {
			for _, line := range l.Line {
				f := line.Function
				next.Frames = append(next.Frames, goroutine.Frame(f.Name, f.Filename, int(f.StartLine), int(line.Line)))
			}
		}
		next.Label = goroutine.Label{
			Name:   first(s.Label[goroutine.LabelName]),
			Domain: first(s.Label[goroutine.LabelDomain]),
			Cell:   first(s.Label[goroutine.LabelCell]),
		}
		out = append(out, next)
	}
	return out, true
}

func equal(a, b []goroutine.Sample) bool {
	return slices.EqualFunc(a, b, func(a, b goroutine.Sample) bool {
		return a.Count == b.Count && a.Label == b.Label && slices.Equal(a.Frames, b.Frames)
	})
}

// Goroutines of many kinds, with labels of hale's, of others and of none.
func TestDecodeReadsWhatTheLibraryReads(t *testing.T) {
	release := make(chan struct{})
	var ready, ended sync.WaitGroup
	ready.Add(60)
	for i := range 60 {
		ended.Go(func() {
			pairs := []string{"user", fmt.Sprint(i), "empty", ""}
			if i%3 > 0 {
				pairs = append(pairs, goroutine.LabelName, "orders.consume", goroutine.LabelCell, fmt.Sprint(i%7))
			}
			if i%3 > 1 {
				pairs = append(pairs, goroutine.LabelDomain, strings.Repeat("ü", i*20))
			}
			pprof.Do(t.Context(), pprof.Labels(pairs...), func(context.Context) { deep(1+i*2, &ready, release) })
		})
	}
	ready.Wait()
	raw := ownProfile(t)
	close(release)
	ended.Wait()
	want, ok := reference(raw)
	if !ok || len(want) < 60 {
		t.Fatalf("the library reads %d samples", len(want))
	}
	got, err := goroutine.Decode(zip(raw), int64(len(raw)))
	if err != nil || !equal(got, want) {
		t.Errorf("error %v; got %d samples, want %d", err, len(got), len(want))
	}
	labelled := 0
	for _, s := range got {
		if s.Label.Name == "orders.consume" && s.Label.Cell != "" {
			labelled++
		}
	}
	if labelled < 40 {
		t.Errorf("%d samples with a label, want 40", labelled)
	}
}

// A cut or changed profile gives an error or samples, never a panic.
func TestDecodeRefusesWhatIsNotThere(t *testing.T) {
	valid := profileOf(stack{2, wait + "a.b/x.f | n d c"})
	for _, test := range []struct {
		name   string
		change func(p *profile.Profile)
	}{
		{"no count", func(p *profile.Profile) { p.Sample[0].Value = nil }},
		{"negative count", func(p *profile.Profile) { p.Sample[0].Value[0] = -1 }},
		{"huge count", func(p *profile.Profile) { p.Sample[0].Value[0] = 1 << 40 }},
		{"unknown location", func(p *profile.Profile) { p.Location = p.Location[:1] }},
		{"unknown function", func(p *profile.Profile) { p.Function = p.Function[:1] }},
		{"location twice", func(p *profile.Profile) { p.Location[1].ID = 1 }},
		{"function twice", func(p *profile.Profile) { p.Function[1].ID = 1 }},
		{"endless stack", func(p *profile.Profile) {
			s := p.Sample[0]
			for range 15 {
				s.Location = append(s.Location, s.Location...)
			}
		}},
		{"huge ID", func(p *profile.Profile) { p.Location[1].ID = 1 << 60 }},
	} {
		p := valid.Copy()
		test.change(p)
		if got, err := goroutine.Decode(zip(encoded(p)), 1<<20); err == nil {
			t.Errorf("%s: no error, got %+v", test.name, got)
		}
	}
	if got, err := goroutine.Decode(zip(encoded(valid)), 1<<20); err != nil || len(got) != 1 || got[0].Count != 2 || got[0].Label.Cell != "c" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// FuzzDecode feeds the parser what it unzips: fuzzing the zipped form would
// find bad checksums only. What the library reads must be read alike. Inputs
// beyond 64 KB are cut.
func FuzzDecode(f *testing.F) {
	f.Add(ownProfile(f))
	f.Add(encoded(profileOf(stack{2, wait + "a.b/x.f | n d c"}, stack{1, "a.b/x.g"})))
	f.Add([]byte{})
	f.Add([]byte("garbage"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = raw[:min(len(raw), 64<<10)]
		_, _ = goroutine.Decode(raw, 1<<20)
		samples, err := goroutine.Decode(zip(raw), 1<<20)
		want, ok := reference(raw)
		if ok && (err != nil || !equal(samples, want)) {
			t.Fatalf("error %v; got %+v, want %+v", err, samples, want)
		}
		if err != nil {
			return
		}
		total := 0
		for _, s := range samples {
			total += s.Count
		}
		groups, folded, err := goroutine.Fold(raw, all, 8)
		if err != nil {
			t.Fatal(err)
		}
		sum := folded
		for _, g := range groups {
			sum += g.Count
		}
		if sum > total || len(groups) > 8 {
			t.Errorf("%d groups of %d goroutines from %d", len(groups), sum, total)
		}
	})
}
