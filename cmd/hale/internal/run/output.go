package run

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	maxPending = 1 << 20  // bytes that wait for who reads stderr
	maxLine    = 64 << 10 // bytes that are held back for the end of a line
	lastFlush  = time.Second
)

// What is written where something is missing, each a line of its kind.
const (
	missingBytes     = "hale: %d bytes are missing here: they could not be written, or not soon enough\n"
	missingJSON      = `{"level":"WARN","msg":"bytes are missing here: they could not be written, or not soon enough","from":"hale","bytes":%d}` + "\n"
	missingIncidents = `{"fault":"` + FaultMissing + `","message":"%d bytes are missing here: they could not be written, or not soon enough"}` + "\n"
)

// sink passes on what several write, each a whole line at a time, to one who may be slow:
// nobody waits for it, and what is too much, or cannot be written, is dropped and counted.
type sink struct {
	to      io.Writer
	missing string      // is written where some bytes are missing, with their number
	failed  func(error) // is told of the first error after a success; nil: nobody is

	mu      sync.Mutex
	more    *sync.Cond
	pending []byte
	lost    int64
	closed  bool
	done    chan struct{}
}

// newSink starts a goroutine, which [sink.close] ends.
func newSink(to io.Writer, missing string, failed func(error)) *sink {
	s := &sink{to: to, missing: missing, failed: failed, done: make(chan struct{})}
	s.more = sync.NewCond(&s.mu)
	go s.pass()
	return s
}

// Write takes all of p or none, and never fails.
func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.pending)+len(p) > maxPending {
		s.lost += int64(len(p))
		return len(p), nil
	}
	s.pending = append(s.pending, p...)
	s.more.Signal()
	return len(p), nil
}

func (s *sink) pass() {
	defer close(s.done)
	var taken []byte
	unwritten, failing := int64(0), false // bytes that nobody was told of; and whether the last write failed
	for {
		s.mu.Lock()
		for len(s.pending) == 0 && !s.closed {
			s.more.Wait()
		}
		taken, s.pending = s.pending, taken[:0]
		lost := s.lost
		s.lost = 0
		if len(taken) == 0 && lost == 0 {
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		head := 0
		if unwritten > 0 {
			note := fmt.Appendf(nil, s.missing, unwritten)
			head, taken = len(note), append(note, taken...)
		}
		end := len(taken)
		if lost > 0 {
			taken = fmt.Appendf(taken, s.missing, lost)
		}
		n, err := s.to.Write(taken)
		if err == nil || n >= head {
			unwritten = 0
		}
		if err != nil {
			unwritten += int64(end-min(max(n, head), end)) + lost
			if !failing && s.failed != nil { // who has gone away reads nothing
				s.failed(err)
			}
		}
		failing = err != nil
	}
}

// close passes on what is left, unless that takes longer than a second.
func (s *sink) close() {
	s.mu.Lock()
	s.closed = true
	s.more.Signal()
	s.mu.Unlock()
	select {
	case <-s.done:
	case <-time.After(lastFlush):
	}
}

// copyLines passes on what a service writes until it ends, in whole lines where those are
// not too long, and shows each piece to look first.
func copyLines(to io.Writer, from io.Reader, look func([]byte)) {
	buf := make([]byte, 0, maxLine)
	for {
		n, err := from.Read(buf[len(buf):cap(buf)])
		if n > 0 {
			look(buf[len(buf) : len(buf)+n])
			buf = buf[:len(buf)+n]
			end := bytes.LastIndexByte(buf, '\n') + 1
			if end == 0 && len(buf) == cap(buf) {
				end = len(buf)
			}
			if end > 0 {
				_, _ = to.Write(buf[:end])
				buf = buf[:copy(buf, buf[end:])]
			}
		}
		if err != nil {
			if len(buf) > 0 {
				_, _ = to.Write(append(buf, '\n'))
			}
			return
		}
	}
}
