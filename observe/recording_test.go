package observe_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/hale-go/hale/observe"
)

// service makes up the turns of a service with so many names, of which a share
// changes from turn to turn. A snapshot is due in every tenth turn.
func service(names, turns int, busy float64) []observe.Turn {
	r := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC)
	stats := make([]observe.TaskStat, names)
	for i := range stats {
		name := fmt.Sprintf("GET /orders/%05d", i)
		stats[i] = observe.TaskStat{Name: name, Domain: observe.Domain(name)}
	}
	var out []observe.Turn
	for k := range turns {
		at = at.Add(time.Second + time.Duration(r.IntN(1e6)))
		for i := range stats {
			if r.Float64() < busy {
				stats[i].Started += r.Uint64N(50)
				stats[i].Live = r.Int64N(5)
				stats[i].Peak = max(stats[i].Peak, stats[i].Live)
			}
		}
		t := observe.Turn{Seq: uint64(k + 1), Time: at, Sample: observe.Sample{
			Time: at, Goroutines: 900 + r.Uint64N(20), Runnable: r.Uint64N(3), Waiting: 890 + r.Uint64N(20), Threads: 12, Procs: 2,
			MemoryBytes: 50<<20 + 4096*r.Uint64N(100), Slowdown: 1, Tasks: slices.Clone(stats),
			Pools: []observe.PoolStat{{Name: "thumbs", Domain: "thumbs", Workers: 4, Finished: uint64(k / 5), Cap: 8}},
		}}
		if k%10 == 5 {
			t.Snapshot = snapshot(r, at, stats)
			t.Events = []observe.Event{{Time: at, Kind: observe.EventPanic, Subject: observe.Subject{Name: stats[0].Name}, Detail: "panic: <&>\u2028 größe", Fingerprint: "f"}}
		}
		out = append(out, t)
	}
	return out
}

func snapshot(r *rand.Rand, at time.Time, stats []observe.TaskStat) *observe.Snapshot {
	s := &observe.Snapshot{Time: at, Cost: time.Duration(r.IntN(1e7)), CPU: time.Duration(r.IntN(1e7)), Goroutines: 900}
	for g := range 40 {
		s.Groups = append(s.Groups, observe.Group{
			Name: stats[g%len(stats)].Name, Domain: stats[g%len(stats)].Domain, Ended: time.Duration(r.Int64N(6e10)),
			Entry:   observe.Site{Function: fmt.Sprintf("example.com/shop/orders.(*Service%d).run", g), File: "/src/shop/orders/service.go", Line: 10 + g},
			Blocked: observe.Site{Function: "net/http.(*persistConn).readLoop", File: "/usr/local/go/src/net/http/transport.go", Line: 2200},
			Wait:    observe.WaitSelect, Count: r.IntN(10) + 1,
		})
	}
	return s
}

// write writes the segments with one writer.
func write(t testing.TB, dir string, segments ...observe.Segment) {
	t.Helper()
	w := newWriter(t, dir)
	for _, s := range segments {
		add(t, w, s)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// noise makes up turns that fill files: each takes so many bytes, because nothing
// in it repeats.
func noise(turns, size int) []observe.Turn {
	r := rand.NewChaCha8([32]byte{})
	out := service(1, turns, 0)
	for i := range out {
		b := make([]byte, size)
		_, _ = r.Read(b)
		out[i].Events = []observe.Event{{Time: out[i].Time, Kind: observe.EventMisuse, Detail: base64.StdEncoding.EncodeToString(b)}}
	}
	return out
}

// ringBytes is the room for the recordings of these tests: files are full at
// 16 kB.
const ringBytes = observe.MinRecordingBytes

func newWriter(t testing.TB, dir string) *observe.Writer {
	t.Helper()
	w, err := observe.NewWriter(dir, ringBytes)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func add(t testing.TB, w *observe.Writer, s observe.Segment) {
	t.Helper()
	if err := w.Open(s); err != nil {
		t.Fatal(err)
	}
	for _, turn := range s.Turns {
		if err := w.Add(turn); err != nil {
			t.Fatal(err)
		}
	}
}

func segment(turns []observe.Turn) observe.Segment {
	return observe.Segment{Revision: "r", State: json.RawMessage(fmt.Sprintf(`{"before":%d}`, turns[0].Seq)), Turns: turns}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// only returns the one file of a recording.
func only(t testing.TB, dir string) string {
	t.Helper()
	files := list(t, dir)
	if len(files) != 1 {
		t.Fatalf("files %q, want one", files)
	}
	return files[0]
}

func list(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, filepath.Join(dir, e.Name()))
	}
	return out
}

func TestRecordingRoundTrip(t *testing.T) {
	turns := service(12, 90, 0.2)
	turns[20].Sample.Pools = nil                                                                                    // one was closed
	turns[30].Sample.Tasks = slices.Insert(turns[30].Sample.Tasks, 3, observe.TaskStat{Name: "GET /orders/00002x"}) // and gone in the next turn
	slices.Reverse(turns[40].Sample.Tasks)                                                                          // no runtime does this
	turns[50].Halted, turns[50].Broke, turns[50].Disabled, turns[50].Dropped, turns[50].Decided = true, true, []string{"d"}, 3, "digest"
	in := observe.Recording{Segments: []observe.Segment{segment(turns[:60]), segment(turns[60:])}}
	in.Segments[1].Fresh, in.Segments[1].Revision = true, "other"
	dir := filepath.Join(t.TempDir(), "deep", "folder")
	write(t, dir, in.Segments...)
	out, err := observe.ReadRecording(dir)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := asJSON(t, in), asJSON(t, out); a != b {
		t.Errorf("\n%s\n%s", a, b)
	}
	if runtime.GOOS != "windows" {
		for path, want := range map[string]fs.FileMode{dir: 0o700, only(t, dir): 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v, want mode %v", path, info.Mode(), err, want)
			}
		}
	}
}

// The ring forgets whole files, the oldest first, and leaves others' files alone.
func TestRingIsBounded(t *testing.T) {
	dir := t.TempDir()
	others := []string{"notes.txt", "1-x.halerec", "99999999999-aaaa.halerec"}
	for _, name := range others {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte("x"), 4096), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := newWriter(t, dir)
	turns := noise(3, 8000)
	seq := uint64(0)
	for range 60 {
		for i := range turns {
			seq++
			turns[i].Seq = seq
		}
		add(t, w, segment(turns))
	}
	total := int64(0)
	for _, path := range list(t, dir) {
		if slices.Contains(others, filepath.Base(path)) {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total > ringBytes || total < ringBytes/2 {
		t.Errorf("the ring has %d bytes", total)
	}
	if n := len(list(t, dir)); n < 20 {
		t.Errorf("%d files: the oldest part that is forgotten is large", n)
	}
	for _, name := range others {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() != 4096 {
			t.Errorf("%s was touched: %v", name, err)
		}
	}
	rec, err := observe.ReadRecording(dir)
	if !errors.Is(err, observe.ErrTruncated) || errors.Is(err, observe.ErrDamaged) {
		t.Errorf("while it is being written: %v", err)
	}
	want := rec.Segments[0].Turns[0].Seq
	if want == 1 {
		t.Error("nothing was forgotten")
	}
	for i, s := range rec.Segments {
		if s.Fresh {
			t.Errorf("segment %d does not follow", i)
		}
		for _, turn := range s.Turns {
			if turn.Seq != want {
				t.Fatalf("turn %d, want %d", turn.Seq, want)
			}
			want++
		}
	}
	if want != seq+1 {
		t.Errorf("the last turn is %d, %d were written", want-1, seq)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if _, err := observe.ReadRecording(dir); err != nil {
		t.Error(err)
	}
}

// Two processes may share a folder, also at the same time. Each run is read in
// one piece.
func TestRunsShareAFolder(t *testing.T) {
	dir := t.TempDir()
	turns := noise(40, 2000)
	a, b := newWriter(t, dir), newWriter(t, dir)
	for i := 0; i < len(turns); i += 10 {
		add(t, a, segment(turns[i:i+10]))
		add(t, b, segment(turns[i:i+10]))
	}
	if err := errors.Join(a.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	rec, err := observe.ReadRecording(dir)
	if err != nil || len(rec.Segments) != 8 || len(list(t, dir)) < 4 {
		t.Fatalf("%d segments of %d files: %v", len(rec.Segments), len(list(t, dir)), err)
	}
	for i, s := range rec.Segments {
		if s.Turns[0].Seq != uint64(i%4*10+1) || s.Fresh != (i == 4) {
			t.Errorf("segment %d begins with turn %d, fresh %v", i, s.Turns[0].Seq, s.Fresh)
		}
	}
	some, err := observe.ReadAtMost(dir, 50_000)
	if !errors.Is(err, observe.ErrTooLarge) || len(some.Segments) == 0 || len(some.Segments) >= 8 {
		t.Errorf("%d segments: %v", len(some.Segments), err)
	}
	if last := some.Segments[len(some.Segments)-1]; last.Turns[9].Seq != 40 {
		t.Error("not the newest were kept")
	}
}

// A damaged file costs its own rest, and the next segment says that turns are
// missing.
func TestDamageCostsOneFile(t *testing.T) {
	dir := t.TempDir()
	turns := noise(30, 2000)
	write(t, dir, segment(turns[:10]), segment(turns[10:20]), segment(turns[20:]))
	files := list(t, dir)
	if len(files) != 3 {
		t.Fatalf("%d files", len(files))
	}
	whole, err := os.ReadFile(files[1])
	if err != nil {
		t.Fatal(err)
	}
	whole[len(whole)/2] ^= 1
	if err := os.WriteFile(files[1], whole, 0o600); err != nil {
		t.Fatal(err)
	}
	rec, err := observe.ReadRecording(dir)
	var at *observe.RecordingError
	if !errors.As(err, &at) || !errors.Is(err, observe.ErrDamaged) || at.File != files[1] || at.Offset > int64(len(whole)/2) || at.Offset < int64(len(whole)/4) {
		t.Errorf("%v", err)
	}
	if len(rec.Segments) != 3 || len(rec.Segments[1].Turns) < 3 || len(rec.Segments[1].Turns) > 6 || rec.Segments[1].Fresh || !rec.Segments[2].Fresh {
		t.Errorf("%d segments", len(rec.Segments))
	}
}
