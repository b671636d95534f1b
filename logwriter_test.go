package hale_test

import (
	"fmt"
	"log"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hale-go/hale"
)

func TestLogWriter(t *testing.T) {
	rt := newRuntime(t)
	w := hale.LogWriter(rt, "legacy.import")
	std := log.New(w, "", log.LstdFlags)
	std.Print("import of 300 rows done")
	std.Print("ERROR: import failed: dial tcp 10.0.0.1:80: connection refused")
	std.Print("http: panic serving 1.2.3.4:5: boom\n" + stackHere(1))
	for _, p := range []string{
		`time="2026-11-26T10:00:00Z" level=warning msg="slow import"` + "\n",
		`{"level":"error","error":"no such host","message":"lookup failed"}` + "\n" + `{"time":1,"level":"debug","msg":"seen"}` + "\n",
		"half a ", "line\nand ", "", "another\n\n \n",
		`{"level":"error"` + "\n", // no JSON
		"\xff\xfe\n",
		strings.Repeat("long ", 1<<18) + "end\n",
	} {
		if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
	}
	var got []string
	for _, st := range counted(t, rt).Logs {
		if st.Name != "legacy.import" || st.Domain != "legacy" || st.Count != 1 || len(st.Form) > 200 {
			t.Errorf("%+v", st)
		}
		form := st.Form[:min(len(st.Form), 40)]
		got = append(got, fmt.Sprintf("%d %s %v %v", st.Level, form, st.Patterns, st.Stack != ""))
	}
	slices.Sort(got)
	want := []string{
		"-4 seen [] false",
		"0 <*> [] false",
		"0 <*> http: panic serving <*>: boom [panic] true",
		"0 <*> import of <*> rows done [] false",
		"0 and another [] false",
		"0 half a line [] false",
		"0 long long long long long long long long  [] false",
		`0 {"level":"error" [] false`,
		"4 slow import [] false",
		"8 <*> ERROR: import failed: dial tcp <*>:  [connection refused error level] false",
		"8 lookup failed: no such host [error level] false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if records := rt.RecordsOf("legacy.import"); len(records) != 8 {
		t.Errorf("%d records kept", len(records))
	}
}

func TestLogWriterConcurrently(t *testing.T) {
	rt := newRuntime(t)
	w := hale.LogWriter(rt, "std")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 500 {
				_, _ = w.Write([]byte("a line\n"))
			}
		})
	}
	group.Wait()
	if logs := counted(t, rt).Logs; len(logs) != 1 || logs[0].Count != 2000 {
		t.Errorf("%+v", logs)
	}
}

// Whatever is written, however it is cut, is counted line by line and in bounds.
func FuzzLogWriter(f *testing.F) {
	f.Add("a\nb\n", 1)
	f.Add(`{"level":"error","msg":"x","err":"y"}`+"\n", 7)
	f.Add("goroutine 1 [running]:\nmain.f(0x1)\n\t/a.go:1 +0x1\n", 100)
	f.Add("\xff level=\x00\n\n", 2)
	rt := newRuntime(f)
	f.Fuzz(func(t *testing.T, text string, at int) {
		w := hale.LogWriter(rt, "fuzz")
		at = max(min(at, len(text)), 0)
		for _, p := range []string{text[:at], text[at:], "\n"} {
			if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		var total uint64
		for _, st := range counted(t, rt).Logs {
			if total += st.Count; len(st.Form) > 200 || len(st.Stack) > 16 {
				t.Errorf("%+v", st)
			}
		}
		if total > uint64(strings.Count(text, "\n")+1) {
			t.Errorf("%d records of %q", total, text)
		}
	})
}
