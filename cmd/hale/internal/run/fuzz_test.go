package run_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

// Whatever a service says, what is told of it is a line, and its times are within bounds.
func FuzzMessage(f *testing.F) {
	f.Add("READY=1\nSTATUS=serving\nWATCHDOG_USEC=1000000")
	f.Add("FDSTORE=1\nFDNAME=a\n=\nX\nEXTEND_TIMEOUT_USEC=18446744073709551615")
	f.Add("X_HALE_HANDOVER=\x00\xff")
	f.Fuzz(func(t *testing.T, text string) {
		texts, times := run.ParseMessage(text)
		for _, s := range texts {
			if strings.ContainsAny(s, "\n\r\x00") || len(s) > 512 || strings.ToValidUTF8(s, "") != s {
				t.Errorf("told %q", s)
			}
		}
		for _, d := range times {
			if d < 0 || d > int64(24*time.Hour) {
				t.Errorf("a time of %v", time.Duration(d))
			}
		}
	})
}

// Whoever answers, what is told of it is a line.
func FuzzAnswer(f *testing.F) {
	f.Add("step PID 7 was started\n")
	f.Add("done")
	f.Add("HTTP/1.1 400 Bad Request\r\n")
	f.Fuzz(func(t *testing.T, line string) {
		kind, text, ok := run.ParseAnswer(line)
		if ok != (kind != "") || !ok && text != "" || !strings.HasPrefix(line, kind) {
			t.Errorf("%q: %q, %q, %v", line, kind, text, ok)
		}
		if strings.ContainsAny(text, "\n\r\x00") || len(text) > 512 || strings.ToValidUTF8(text, "") != text {
			t.Errorf("told %q", text)
		}
	})
}
