package leaks

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Leak is one goroutine that leaked: the truth that findings are held against.
type Leak struct {
	Kind string
	At   time.Time // a moment before the request that left it behind ended
}

// Zoo leaks. Make one with [New], serve its [Zoo.Routes], and end with
// [Zoo.Release] what can be ended. Its methods may be called from any goroutine.
type Zoo struct {
	every  int // one of so many requests leaks
	asked  map[string]*atomic.Int64
	parent context.Context
	silent net.Listener // accepts and says nothing

	mu       sync.Mutex
	leaks    []Leak
	releases []func()           // what ends leaks
	keys     int                // of the registry
	registry map[int]chan int   // what holds the registered leaks' channels
	kept     []func()           // what iterators would be stopped with
	cancels  context.CancelFunc // of parent
	left     sync.WaitGroup     // leaks that can be released, and the listener's goroutine
}

// New returns a zoo of whose requests every so-manyth leaks, by route.
func New(every int) (*Zoo, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	z := &Zoo{every: max(every, 1), silent: l, asked: map[string]*atomic.Int64{}, registry: map[int]chan int{}}
	z.parent, z.cancels = context.WithCancel(context.Background())
	for _, k := range kinds {
		z.asked[k.name] = new(atomic.Int64)
	}
	z.left.Go(z.accept)
	return z, nil
}

func (z *Zoo) accept() {
	for {
		conn, err := z.silent.Accept()
		if err != nil {
			return // closed by Release
		}
		z.onRelease(func() { conn.Close() })
	}
}

// Kinds returns the names of the kinds.
func Kinds() []string {
	var out []string
	for _, k := range kinds {
		out = append(out, k.name)
	}
	return out
}

// Route returns the pattern of the route that leaks a kind, which is the name of
// its tasks.
func Route(name string) string { return "GET " + path(name) }

func path(name string) string { return "/leak/" + strings.ReplaceAll(name, " ", "-") }

// Entry returns the full name of the function in which goroutines of a kind
// start.
func Entry(name string) string {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return ""
	}
	return "github.com/hale-go/hale/examples/leaks." + kinds[i].entry
}

// Paths returns what to ask for.
func (z *Zoo) Paths() []string {
	var out []string
	for _, k := range kinds {
		out = append(out, path(k.name))
	}
	return out
}

// Routes returns the handlers, one for each kind.
func (z *Zoo) Routes() map[string]func(http.ResponseWriter, *http.Request) error {
	out := map[string]func(http.ResponseWriter, *http.Request) error{}
	for _, k := range kinds {
		out[Route(k.name)] = func(w http.ResponseWriter, _ *http.Request) error {
			if z.asked[k.name].Add(1)%int64(z.every) == 0 {
				if err := k.leak(z); err != nil {
					return err
				}
				z.note(k.name)
			}
			_, err := fmt.Fprintln(w, "nothing seems wrong")
			return err
		}
	}
	return out
}

func (z *Zoo) note(name string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.leaks = append(z.leaks, Leak{name, time.Now()})
}

// Leaked returns what has leaked so far, in order.
func (z *Zoo) Leaked() []Leak {
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.Clone(z.leaks)
}

// onRelease puts off what ends a leak.
func (z *Zoo) onRelease(f func()) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.releases = append(z.releases, f)
}

// Release ends all leaks but those on a nil channel, which nothing can end, and
// waits for them. The routes must not be asked any more. What leaked is
// forgotten.
func (z *Zoo) Release() {
	z.cancels()
	_ = z.silent.Close() // the address was free to begin with
	z.mu.Lock()
	releases := slices.Concat(z.releases, z.kept)
	for _, c := range z.registry {
		releases = append(releases, func() { close(c) })
	}
	z.releases, z.kept, z.leaks = nil, nil, nil
	clear(z.registry)
	z.mu.Unlock()
	for _, f := range releases {
		f()
	}
	z.left.Wait()
}
