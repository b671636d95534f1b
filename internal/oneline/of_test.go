package oneline_test

import (
	"testing"

	"github.com/hale-go/hale/internal/oneline"
)

func TestOf(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "plain": "plain", " a\nb\x00c\x7f ": "a b c", "\xffé\xc3": "é", "0123456789abc": "0123456789", "012345678é": "012345678",
	} {
		if got := oneline.Of(text, 10); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
