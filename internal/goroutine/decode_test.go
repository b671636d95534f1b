package goroutine_test

import (
	"bytes"
	"compress/gzip"
	"runtime/pprof"
	"testing"

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

// FuzzDecode feeds the parser what it unzips: fuzzing the zipped form would
// find bad checksums only. Inputs beyond 64 KB are cut.
func FuzzDecode(f *testing.F) {
	f.Add(ownProfile(f))
	f.Add([]byte{})
	f.Add([]byte("garbage"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = raw[:min(len(raw), 64<<10)]
		_, _ = goroutine.Decode(raw, 1<<20)
		p, err := goroutine.Decode(zip(raw), 1<<20)
		if err != nil {
			return
		}
		total := 0
		for _, s := range p.Sample {
			total += int(s.Value[0])
		}
		groups, folded := goroutine.Fold(p, all, 8)
		sum := folded
		for _, g := range groups {
			sum += g.Count
		}
		if sum > total || len(groups) > 8 {
			t.Errorf("%d groups of %d goroutines from %d", len(groups), sum, total)
		}
	})
}
