package run_test

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

// disk takes so many bytes of each write, and all of what it is not told of.
type disk struct {
	takes   []int
	written string
	done    chan struct{}
}

func (d *disk) Write(p []byte) (n int, err error) {
	defer func() { d.written += string(p[:n]); d.done <- struct{}{} }()
	if n = len(p); len(d.takes) > 0 {
		n, d.takes = min(n, d.takes[0]), d.takes[1:]
	}
	if n < len(p) {
		err = syscall.ENOSPC
	}
	return n, err
}

// What could not be written is counted until the count is written, and each failure after a
// success is told of.
func TestSinkOnAFullDisk(t *testing.T) {
	const note = `{"fault":"missing","message":"`
	const line, rest = "an incident\n", 1000
	for _, c := range []struct {
		takes []int
		want  string
		told  int
	}{
		{[]int{rest}, line + line + line + line, 0},
		{[]int{0}, note + "12 bytes" + line + line + line, 1},
		{[]int{5, 0}, "an in" + note + "19 bytes" + line + line, 1},            // 7 and 12
		{[]int{0, 38}, note + "12 bytes" + note + "24 bytes" + line + line, 1}, // the note is cut off, too
		{[]int{0, rest, 0}, note + "12 bytes" + line + note + "12 bytes" + line, 2},
	} {
		d := &disk{takes: slices.Clone(c.takes), done: make(chan struct{}, 1)}
		told := 0
		write, done := run.NewSink(d, func(err error) {
			if told++; !errors.Is(err, syscall.ENOSPC) {
				t.Error(err)
			}
		})
		for range 4 {
			write([]byte(line))
			<-d.done
		}
		done()
		got := strings.ReplaceAll(d.written, " are missing here: they could not be written, or not soon enough\"}\n", "")
		if got != c.want || told != c.told {
			t.Errorf("%v: told %d times, written:\n%s\nwant:\n%s", c.takes, told, got, c.want)
		}
	}
}
