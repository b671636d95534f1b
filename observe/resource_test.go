package observe_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/hale-go/hale/observe"
)

// use makes up the resources of one turn of a service in a container.
func use(r *rand.Rand, k int) *observe.Resources {
	n := uint64(k)
	return &observe.Resources{
		Processors: 1.5, Quota: 1.5,
		Process:    &observe.ProcessUse{CPU: time.Duration(20*k+10*r.IntN(3)) * time.Millisecond, Resident: 60<<20 + 4096*r.Uint64N(200), Threads: 14},
		Throttling: &observe.Throttling{Periods: 10 * n, Throttled: n / 5, Time: time.Duration(n/5) * 3 * time.Millisecond},
		Memory:     &observe.MemoryUse{Used: 90<<20 + 4096*r.Uint64N(200), Cache: 20<<20 + 4096*r.Uint64N(3), Limit: 512 << 20},
		Files:      &observe.FileUse{Open: 40 + r.Uint64N(5), Limit: 1 << 20},
		Threads:    &observe.ThreadUse{Used: 16, Limit: 100},
		Network:    &observe.NetworkUse{ReceivedBytes: 9000*n + r.Uint64N(900), ReceivedPackets: 40*n + r.Uint64N(9), SentBytes: 7000*n + r.Uint64N(900), SentPackets: 40*n + r.Uint64N(9)},
		Pressure:   &observe.PressureUse{CPU: &observe.Stall{Some: .18 * float64(r.IntN(4))}, Memory: &observe.Stall{}, IO: &observe.Stall{}},
		Collector:  &observe.CollectorUse{Time: time.Duration(n/7) * 2 * time.Millisecond, Total: time.Duration(n/7*7) * time.Second, Cycles: n / 7, Live: 4<<20 + n/7},
		Wait:       &observe.WaitUse{Count: 20 + r.Uint64N(9), P50: time.Duration(r.IntN(4)) * 256, P99: 14336},
		Missing:    []observe.Missing{{What: "io pressure", Why: "open /sys/fs/cgroup/io.pressure: no such file or directory"}},
	}
}

// withUse gives turns their resources.
func withUse(turns []observe.Turn) []observe.Turn {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range turns {
		turns[i].Sample.Resources = use(r, i+1)
	}
	return turns
}

// Resources are written and read as they were, also where turns have none.
func TestResourcesAreRecorded(t *testing.T) {
	dir := t.TempDir()
	turns := withUse(service(3, 10, 0.5))
	turns[4].Sample.Resources = nil
	turns[5].Sample.Resources = &observe.Resources{Missing: []observe.Missing{{What: "system", Why: "no /proc on plan9"}}}
	write(t, dir, segment(turns))
	rec, err := observe.ReadRecording(dir)
	if err != nil || len(rec.Segments) != 1 || len(rec.Segments[0].Turns) != len(turns) {
		t.Fatalf("%v: %+v", err, rec)
	}
	for i, got := range rec.Segments[0].Turns {
		if want := turns[i].Sample.Resources; !reflect.DeepEqual(got.Sample.Resources, want) {
			t.Errorf("turn %d: %+v, want %+v", i, got.Sample.Resources, want)
		}
	}
}

// A recording that was made when samples had no resources is read, and none are
// made up.
func TestRecordingWithoutResources(t *testing.T) {
	rec, err := observe.ReadRecording("testdata/before-resources")
	if err != nil || len(rec.Segments) != 1 {
		t.Fatalf("%v: %+v", err, rec)
	}
	for i, turn := range rec.Segments[0].Turns {
		s := turn.Sample
		if turn.Seq != uint64(i+1) || s.Goroutines < 900 || s.MemoryBytes < 50<<20 || len(s.Tasks) != 3 || s.Tasks[2].Name != "GET /orders/00002" || s.Resources != nil {
			t.Errorf("turn %d: %+v", turn.Seq, s)
		}
	}
	if n := len(rec.Segments[0].Turns); n != 6 {
		t.Errorf("%d turns", n)
	}
}

// What was not told is not in the JSON, so that nobody takes a zero for a fact.
func TestNothingIsMadeUp(t *testing.T) {
	b, err := json.Marshal(observe.Resources{})
	if err != nil || string(b) != "{}" {
		t.Errorf("%s, %v", b, err)
	}
}

func TestTurnSizeCountsResources(t *testing.T) {
	turns := withUse(service(1, 1, 0))
	with := turns[0].Size()
	turns[0].Sample.Resources = nil
	if without := turns[0].Size(); with < without+int(reflect.TypeFor[observe.Resources]().Size()) {
		t.Errorf("%d bytes with resources, %d without", with, without)
	}
}

func ExampleResources() {
	u := observe.Resources{
		Processors: 1.5,
		Memory:     &observe.MemoryUse{Used: 300 << 20, Cache: 80 << 20, Limit: 512 << 20},
		Missing:    []observe.Missing{{What: "files", Why: "open /proc/7/fd: permission denied"}},
	}
	if m := u.Memory; m != nil && m.Limit > 0 {
		fmt.Printf("memory: %.0f %%\n", 100*float64(m.WorkingSet())/float64(m.Limit))
	}
	if u.Files == nil {
		fmt.Println(u.Missing[0].What, "are not known:", u.Missing[0].Why)
	}
	// Output:
	// memory: 43 %
	// files are not known: open /proc/7/fd: permission denied
}
