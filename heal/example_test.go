package heal_test

import (
	"fmt"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// The healer decides on what it is given and does nothing else.
func ExampleHealer() {
	h, err := heal.NewHealer(heal.Policy{Act: heal.Contain}, heal.Builtin()...)
	if err != nil {
		fmt.Println(err)
		return
	}
	d := diagnose.New()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	open := d.Diagnose(now, []detect.Finding{{
		Kind: detect.KindLeak, Subject: observe.Subject{Name: "GET /recommendations"},
		Confidence: detect.Confirmed, Active: true, Level: 12,
		Evidence: []detect.Evidence{{Channel: detect.Profiles, Text: "12 goroutines outlived their request"}},
	}})
	for _, c := range h.Heal(observe.Turn{Time: now}, open) {
		fmt.Println(c.Op, c.Remedy, c.Subject)
	}
	// Output: apply quarantine GET /recommendations
}
