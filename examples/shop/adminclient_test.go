package main_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"

	shop "github.com/hale-go/hale/examples/shop"
	"github.com/hale-go/hale/observe"
)

// While a process hands over, either of two may answer. Each event of both is read once.
func TestEventsOfTwoProcesses(t *testing.T) {
	said := map[int][]observe.Event{}
	answering, lost := 0, uint64(0)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		since, _ := strconv.Atoi(r.FormValue("since"))
		if r.FormValue("pid") != strconv.Itoa(answering) {
			since = 0
		}
		all := said[answering]
		_ = json.NewEncoder(w).Encode(shop.EventPage{PID: answering, Next: uint64(len(all)), Lost: lost, Events: all[min(since, len(all)):]})
	}))
	defer server.Close()
	client := shop.NewAdminClient(server.URL)
	defer client.Close()
	for i, step := range []struct {
		pid  int
		says []string // before it answers
		lost uint64   // in that process
		want []string
	}{
		{7, []string{"a", "b"}, 0, []string{"a", "b"}},
		{7, nil, 0, nil},
		{7, []string{"c"}, 0, []string{"c"}},
		{8, nil, 0, nil},
		{7, []string{"d"}, 2, []string{"d"}},
		{8, []string{"x"}, 1, []string{"x"}},
		{7, nil, 2, nil},
		{8, []string{"y", "z"}, 1, []string{"y", "z"}},
	} {
		answering, lost = step.pid, step.lost
		for _, d := range step.says {
			said[step.pid] = append(said[step.pid], observe.Event{Detail: d})
		}
		got, unseen, err := client.Events(t.Context())
		if err != nil || !slices.Equal(got, step.want) {
			t.Errorf("answer %d: %q, want %q: %v", i, got, step.want, err)
		}
		if i == 7 && unseen != 3 {
			t.Errorf("%d events were lost, want 2 and 1", unseen)
		}
	}
}
