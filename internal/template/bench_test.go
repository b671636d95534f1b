package template_test

import (
	"testing"

	"github.com/hale-go/hale/internal/template"
)

// lines of services, of 23 to 176 bytes.
var lines = []string{
	`accepted connection from 10.0.0.7:41722`,
	`GET /v2/orders/8812/items?limit=20 status: 200 len: 1893 time: 0.2477829`,
	`worker 17 finished job 6ba7b810-9dad-11d1-80b4-00c04fd430c8 in 12.7 ms, 3 retries, queue length 42`,
	`cache warmed up, nothing to do for the next interval`,
	`user=bob tenant=acme action=login result=denied reason="bad password" remote=192.168.7.9:5512 took=3ms`,
	`failed to read message prefix on control stream: connection reset by peer`,
	`listening on port 8080.`,
	`level=info component=scheduler msg="assigned pod to node" pod=web-7d4b9c node=ip-10-2-3-4 score=87 attempts=1 elapsed=15.2ms queue=active labels="app=web,tier=front" zone=eu-west-1a`,
}

// BenchmarkMatch is the path of a line whose form is known.
func BenchmarkMatch(b *testing.B) {
	m := template.New()
	matchAll(m, lines...)
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	b.SetBytes(int64(size / len(lines)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m.Match(lines[i%len(lines)])
		i++
	}
}

// BenchmarkMatchParallel has all processors match the same lines.
func BenchmarkMatchParallel(b *testing.B) {
	m := template.New()
	matchAll(m, lines...)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			m.Match(lines[i%len(lines)])
		}
	})
}

// BenchmarkNewForm is the path of a line with a word that was never seen at the
// place of a value, which the cache has forgotten when it comes again.
func BenchmarkNewForm(b *testing.B) {
	m := template.New()
	matchAll(m, with("user $ came in", words)...)
	var fresh []string
	for i := range 40_000 {
		fresh = append(fresh, "user "+letterWord(i)+" came in")
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m.Match(fresh[i%len(fresh)])
		i++
	}
}

func TestAllocations(t *testing.T) {
	m := template.New()
	matchAll(m, lines...)
	for _, line := range lines {
		if n := testing.AllocsPerRun(100, func() { m.Match(line) }); n != 0 {
			t.Errorf("%v allocations for %q", n, line)
		}
	}
}
