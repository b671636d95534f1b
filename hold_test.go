package hale_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
)

// heldModel is what a hold is to be, worked out second by second.
type heldModel struct {
	settle int
	asks   map[string]ask
	level  int
	quiet  int // seconds since the level was last asked for, or came down to it
}

type ask struct{ level, left int } // left of its lease; -1: for ever

func (m *heldModel) asked() int {
	most := 0
	for _, a := range m.asks {
		most = max(most, a.level)
	}
	return most
}

func (m *heldModel) rise() {
	if a := m.asked(); a >= m.level {
		m.level, m.quiet = a, 0
	}
}

func (m *heldModel) second() {
	if m.level > m.asked() {
		if m.quiet++; m.quiet == m.settle {
			m.level, m.quiet = m.level-1, 0
		}
	}
	for by, a := range m.asks {
		if a.left--; a.left == 0 {
			delete(m.asks, by)
			continue
		}
		m.asks[by] = a
	}
}

// Whatever is asked for and released when, and whoever tends it how often, a hold is at
// the level that the model says.
func TestHoldIsWhatItsModelSays(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			settle := 1 + r.IntN(8)
			m := &heldModel{settle: settle, asks: map[string]ask{}}
			var holds []*hale.Hold
			for range 3 { // tended each second, now and then, and never
				holds = append(holds, hale.NewHold(time.Duration(settle)*time.Second))
			}
			var story strings.Builder
			busy := 1 + r.IntN(12)
			for second := range 400 {
				for range r.IntN(3) {
					if r.IntN(busy) > 0 {
						continue
					}
					by := fmt.Sprint("inc-", r.IntN(4))
					_, known := m.asks[by]
					switch r.IntN(5) {
					case 0, 1:
						level, lease := 1+r.IntN(5), r.IntN(12)
						fmt.Fprintf(&story, "%d: %s asks for %d, lease %d\n", second, by, level, lease)
						m.asks[by] = ask{level, lease}
						if lease == 0 {
							m.asks[by] = ask{level, -1}
						}
						m.rise()
						for _, h := range holds {
							if !h.Ask(by, level, time.Duration(lease)*time.Second) {
								t.Fatal("no room")
							}
						}
					case 2, 3:
						fmt.Fprintf(&story, "%d: %s releases\n", second, by)
						delete(m.asks, by)
						for _, h := range holds {
							if h.Release(by, false) != known {
								t.Fatalf("%s was known: %v", by, known)
							}
						}
					default:
						fmt.Fprintf(&story, "%d: %s releases at once\n", second, by)
						delete(m.asks, by)
						if a := m.asked(); a < m.level {
							m.level, m.quiet = a, 0
						}
						for _, h := range holds {
							h.Release(by, true)
						}
					}
				}
				for i, h := range holds {
					if i == 0 || i == 1 && r.IntN(5) == 0 {
						h.Tend()
					}
					if got := h.Level(); got != m.level {
						t.Fatalf("seed %d, second %d, settle %d: hold %d is at %d, want %d\n%s", seed, second, settle, i, got, m.level, story.String())
					}
				}
				time.Sleep(time.Second)
				m.second()
			}
		})
	}
}

func TestHoldRisesAtOnceAndFallsByAndBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hale.NewHold(10 * time.Second)
		is := func(what string, want int) {
			t.Helper()
			if got := h.Level(); got != want {
				t.Errorf("%s: level %d, want %d", what, got, want)
			}
		}
		h.Ask("inc-1", 3, 0)
		h.Ask("inc-2", 1, 0)
		is("asked for", 3)
		time.Sleep(time.Hour)
		h.Release("inc-1", false)
		for _, step := range []struct {
			after time.Duration
			want  int
		}{{0, 3}, {10*time.Second - 1, 3}, {1, 2}, {10*time.Second - 1, 2}, {1, 1}, {time.Hour, 1}} {
			time.Sleep(step.after)
			is("released", step.want) // and inc-2 keeps its own
		}
		h.Ask("inc-1", 9, time.Minute)
		time.Sleep(time.Minute)
		is("as its lease ends", 9)
		h.Release("nobody", true)
		is("at once", 1)
		h.Release("inc-2", true)
		if is("at once", 0); !h.Idle() {
			t.Error("something is kept of what is over")
		}
		if h.Release("inc-2", true) {
			t.Error("nothing was released")
		}
	})
}

// Two that hold and release in turn do not make it go up and down.
func TestHoldDoesNotOscillate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hale.NewHold(10 * time.Second)
		changes, last := 0, 0
		look := func() {
			if now := h.Level(); now != last {
				changes, last = changes+1, now
			}
		}
		for i := range 200 {
			h.Ask(fmt.Sprint("inc-", i%2), 2, 0)
			look()
			time.Sleep(3 * time.Second)
			look()
			h.Release(fmt.Sprint("inc-", i%2), false)
			look()
			time.Sleep(time.Duration(i%9) * time.Second)
			look()
		}
		if changes != 1 || last != 2 {
			t.Errorf("%d changes, at last to %d", changes, last)
		}
	})
}

// Of more parties than there is room for, those are kept that ask for most, and of these
// those that ask for longest.
func TestHoldersAreBounded(t *testing.T) {
	h := hale.NewHold(time.Second)
	h.Ask("config", 1, 0)
	for i := range 63 {
		if !h.Ask(fmt.Sprint("inc-", i), 1, time.Hour+time.Duration(i)) {
			t.Fatal("no room")
		}
	}
	if h.Ask("late", 1, time.Minute) || h.Dropped() != 1 || h.Level() != 1 {
		t.Error("one that asks for no more took another's place")
	}
	if !h.Ask("inc-0", 1, time.Minute) {
		t.Error("one that is known had no room")
	}
	if !h.Ask("high", 3, time.Minute) || h.Dropped() != 2 || h.Level() != 3 || h.Tend() != 64 {
		t.Errorf("%d dropped, level %d, %d holders", h.Dropped(), h.Level(), h.Tend())
	}
	if h.Release("inc-0", false) {
		t.Error("the one whose lease ends first was kept")
	}
	if !h.Release("config", false) {
		t.Error("the one without a lease was dropped")
	}
}

// Who reads at any time sees a level that somebody asks for, or one on the way down.
func TestHoldIsReadWhileItChanges(t *testing.T) {
	h := hale.NewHold(time.Microsecond)
	h.Ask("config", 2, 0)
	var all sync.WaitGroup
	done := make(chan struct{})
	for i := range 4 {
		all.Go(func() {
			by := fmt.Sprint("inc-", i)
			for k := range 500 {
				h.Ask(by, 1+k%5, time.Duration(k%3)*time.Microsecond)
				h.Release(by, k%7 == 0)
			}
		})
	}
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if l := h.Level(); l < 2 || l > 5 {
					t.Errorf("level %d", l)
					return
				}
				h.Tend()
			}
		})
	}
	all.Wait()
	close(done)
	readers.Wait()
	h.Release("nobody", true)
	if n := h.Tend(); h.Level() != 2 || n != 1 {
		t.Errorf("level %d of %d holders after all", h.Level(), n)
	}
}
