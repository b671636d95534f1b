package dump_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/dump"
)

const stackOf = "main.main()\n\t/app/main.go:12 +0x1d\n"

var frameOf = []dump.Frame{{Func: "main.main", File: "/app/main.go", Line: 12}}

func TestHeader(t *testing.T) {
	for line, want := range map[string]dump.Goroutine{
		"goroutine 7 [running]:":                                                                           {ID: 7, State: "running"},
		"goroutine 7 gp=0xc000007180 m=0 mp=0x5a3e20 [running]:":                                           {ID: 7, State: "running"},
		"goroutine 7 gp=0xc000007180 m=nil [IO wait]:":                                                     {ID: 7, State: "IO wait"},
		"goroutine 0 gp=0x5a3e20 m=0 mp=0x5a3e20 [idle]:":                                                  {State: "idle"},
		"goroutine 0 [idle]:":                                                                              {State: "idle"},
		"goroutine 7 [chan receive, 5 minutes]:":                                                           {ID: 7, State: "chan receive", Wait: 5 * time.Minute},
		"goroutine 7 [select, 2 minutes, locked to thread]:":                                               {ID: 7, State: "select", Wait: 2 * time.Minute, Locked: true},
		"goroutine 7 [syscall, locked to thread]:":                                                         {ID: 7, State: "syscall", Locked: true},
		"goroutine 7 [running (scan)]:":                                                                    {ID: 7, State: "running"},
		"goroutine 7 [chan receive (nil chan)]:":                                                           {ID: 7, State: "chan receive (nil chan)"},
		"goroutine 7 [select (no cases) (scan), 1 minutes]:":                                               {ID: 7, State: "select (no cases)", Wait: time.Minute},
		"goroutine 7 [chan send (leaked)]:":                                                                {ID: 7, State: "chan send", Leaked: true},
		"goroutine 7 [chan send (leaked) (scan)]:":                                                         {ID: 7, State: "chan send", Leaked: true},
		"goroutine 7 [sleep (durable), synctest bubble 3]:":                                                {ID: 7, State: "sleep", Durable: true, Bubble: 3},
		"goroutine 7 [select (no cases) (durable), 3 minutes, synctest bubble 3]:":                         {ID: 7, State: "select (no cases)", Durable: true, Wait: 3 * time.Minute, Bubble: 3},
		"goroutine 7 [sync.WaitGroup.Wait (scan) (durable)]:":                                              {ID: 7, State: "sync.WaitGroup.Wait", Durable: true},
		`goroutine 7 [running labels:{"task": "a#1"}]:`:                                                    {ID: 7, State: "running", Labels: []dump.Label{{Key: "task", Value: "a#1"}}},
		`goroutine 7 [select, 9 minutes, synctest bubble 2 labels:{"a]": "b]:", "c, d": "{\"\\\n\x01}"}]:`: {ID: 7, State: "select", Wait: 9 * time.Minute, Bubble: 2, Labels: []dump.Label{{Key: "a]", Value: "b]:"}, {Key: "c, d", Value: "{\"\\\n\x01}"}}},
		`goroutine 7 gp=0xc0 m=nil [chan receive, locked to thread] {task: "a#1", path: /a/b_c.d}:`:        {ID: 7, State: "chan receive", Locked: true, Labels: []dump.Label{{Key: "task", Value: "a#1"}, {Key: "path", Value: "/a/b_c.d"}}},
		`goroutine 7 [running] {"a: b": "é\U0001f600", e: }:`:                                              {ID: 7, State: "running", Labels: []dump.Label{{Key: "a: b", Value: "é😀"}, {Key: "e"}}},
		"goroutine 7 [running, in a way to come, 5 minutes]:":                                              {ID: 7, State: "running", Wait: 5 * time.Minute},
		"goroutine 18446744073709551615 [???]:":                                                            {ID: math.MaxUint64, State: "???"},
		"goroutine 7 [sleep, 99999999999999999 minutes]:":                                                  {ID: 7, State: "sleep", Wait: math.MaxInt64 / time.Minute * time.Minute},
		"goroutine 7 [sleep, 99999999999999999999999 minutes]:":                                            {ID: 7, State: "sleep"},
		"goroutine 7 [sleep\x00\xff]:":                                                                     {ID: 7, State: "sleep\x00\uFFFD"},
		"goroutine 7 [running] {a: b, \"cut off}:":                                                         {ID: 7, State: "running", Labels: []dump.Label{{Key: "a", Value: "b"}}},
		"goroutine 7 []:": {ID: 7},
	} {
		want.Frames = frameOf
		all := goroutines(t, line+"\n"+stackOf)
		if len(all) != 1 || !reflect.DeepEqual(*all[0], want) {
			t.Errorf("%s:\n%s\nwant\n%s", line, renderAllOf(all), renderGoroutine(&want, "goroutine"))
		}
	}
	for _, line := range []string{
		"goroutine 7 [running]", "goroutine [running]:", "goroutine x [running]:", "goroutine 7[running]:", "goroutine 7 running:", "goroutine 7 [running:",
		" goroutine 7 [running]:", "\tgoroutine 7 [running]:", "goroutine 99999999999999999999999 [running]:", "the goroutine 7 [running]:", "goroutine -7 [running]:",
		"goroutine 7 ]running[:", "goroutine 7 gp=0x1[running]:", "goroutine  [running]:", "goroutine ", "goroutine profile: total 7", "]:", "goroutine 7 [running] said:",
	} {
		if all := goroutines(t, line+"\n"+stackOf); len(all) > 0 {
			t.Errorf("%q:\n%s", line, renderAllOf(all))
		}
	}
}

func renderAllOf(all []*dump.Goroutine) (s string) {
	for _, g := range all {
		s += renderGoroutine(g, "goroutine")
	}
	return s
}
