package lookup_test

import (
	"fmt"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/hale-go/hale/internal/lookup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Whoever comes first makes the value, all others find it, and there is a bound.
func TestTable(t *testing.T) {
	var table lookup.Table[string, *int]
	var mu sync.Mutex
	made, group := map[string]int{}, sync.WaitGroup{}
	for range 8 {
		group.Go(func() {
			for i := range 200 {
				key := fmt.Sprint(i)
				v, ok := table.Add(key, 100, func() *int {
					mu.Lock()
					defer mu.Unlock()
					made[key]++
					return new(int)
				})
				if got, known := table.Get(key); ok != known || got != v || ok != (v != nil) {
					t.Errorf("%s: added %p %t, found %p %t", key, v, ok, got, known)
				}
			}
		})
	}
	group.Wait()
	if len(made) != 100 || table.Len() != 100 {
		t.Errorf("%d were made and %d are known, want 100", len(made), table.Len())
	}
	for key, n := range made {
		if n != 1 {
			t.Errorf("%s was made %d times", key, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { table.Get("7") }); n != 0 {
		t.Errorf("Get makes %v allocations", n)
	}
}

func ExampleTable() {
	var lengths lookup.Table[string, int]
	for _, word := range []string{"tea", "tea", "kettle"} {
		n, ok := lengths.Get(word)
		if !ok {
			n, _ = lengths.Add(word, 1000, func() int { return len(word) })
		}
		fmt.Println(word, n)
	}
	// Output:
	// tea 3
	// tea 3
	// kettle 6
}
