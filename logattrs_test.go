package hale_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale"
)

// everyKind are attributes of all kinds, and how they are kept.
var everyKind = []struct {
	attr slog.Attr
	text string
}{
	{slog.Int("i", math.MinInt64), "i=-9223372036854775808"},
	{slog.Uint64("u", math.MaxUint64), "u=18446744073709551615"},
	{slog.Float64("f", -1.5), "f=-1.5"},
	{slog.Bool("yes", true), "yes=true"},
	{slog.Bool("no", false), "no=false"},
	{slog.Duration("d", -90*time.Second), "d=-90s"},
	{slog.Time("t", time.Date(2024, 2, 29, 1, 2, 3, 4, time.UTC)), "t=2024-02-29T01:02:03.000000004Z"},
	{slog.String("s", "üüüü"), "s=üüüü"},
	{slog.String("", ""), "="},
	{slog.String("quoted", `a "b"`), `quoted="a \"b\""`},
	{slog.Any("e", errors.New("gone")), "e=gone"},
	{slog.Any("p", &struct{}{}), "p=\"*struct {}\""},
	{slog.Group("g", slog.Int("n", 1), slog.Group("h", slog.String("s", "y"))), "g.n=1 g.h.s=y"},
}

// keptAttrs logs a record, and returns the attributes that are kept of it.
func keptAttrs(t *testing.T, rt *hale.Runtime, attrs ...slog.Attr) (text string) {
	t.Helper()
	log := slog.New(hale.LogHandler(slog.NewTextHandler(io.Discard, nil)))
	if err := rt.Do(t.Context(), "log.kinds", func(ctx context.Context) error {
		log.LogAttrs(ctx, slog.LevelInfo, "m", attrs...)
		text = rt.Records(hale.Identify(ctx).ID)[0].Attrs
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEvidenceOfEveryKind(t *testing.T) {
	rt := newRuntime(t)
	for _, k := range everyKind {
		if got := keptAttrs(t, rt, k.attr); got != k.text {
			t.Errorf("%v is kept as %q, want %q", k.attr, got, k.text)
		}
	}
}

// bare takes off what quotes a text, which may be cut before what it is quoted for.
var bare = strings.NewReplacer(`"`, "", `\`, "")

// Wherever the room ends, what is kept are the first attributes, of which the last may
// be a part of a text.
func TestEvidenceIsCutCleanly(t *testing.T) {
	rt := newRuntime(t)
	for _, k := range everyKind {
		cut := 0
		for n := range 235 {
			pads := []slog.Attr{
				slog.String("a", strings.Repeat("a", min(n, 80))), slog.String("b", strings.Repeat("b", min(max(n-80, 0), 80))),
				slog.String("c", strings.Repeat("c", max(n-160, 0))),
			}
			want := fmt.Sprintf("%s %s %s %s", pads[0], pads[1], pads[2], k.text)
			got := keptAttrs(t, rt, append(pads, k.attr)...)
			if !strings.HasPrefix(bare.Replace(want), strings.TrimRight(bare.Replace(got), "_")) {
				t.Fatalf("%q is kept of %q", got, want)
			}
			if got != want {
				cut++
			}
		}
		if cut == 0 {
			t.Errorf("with %s nothing was ever cut: the test tries nothing", k.text)
		}
	}
}
