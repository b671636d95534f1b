package dump

import (
	"io"
	"iter"
)

// chunk is how much is read at once.
const chunk = 64 << 10

// Goroutines reads a dump or the output of a process and yields its goroutines as they
// come, those of crashes and others. An error of the reader is yielded last, with no
// goroutine. It needs the memory of one goroutine and some hundred kilobytes, whatever
// the size of the dump.
func Goroutines(r io.Reader) iter.Seq2[*Goroutine, error] {
	return func(yield func(*Goroutine, error) bool) {
		stopped := false
		p := Parser{Goroutine: func(g *Goroutine) {
			if !stopped {
				stopped = !yield(g, nil)
			}
		}}
		buf := make([]byte, chunk)
		for !stopped {
			n, err := r.Read(buf)
			_, _ = p.Write(buf[:n]) // it never fails
			if err != nil {
				p.Flush()
				if err != io.EOF && !stopped {
					yield(nil, err)
				}
				return
			}
		}
	}
}
