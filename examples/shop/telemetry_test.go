package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/promtest"
)

// output is what a process writes, read while it runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// within polls until ok, for at most half a minute.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 30s: %s", what)
		}
	}
}

// One request is to be found in the log, in a trace and in what a real Prometheus
// scraped, by its IDs.
func TestARequestIsSeenEverywhere(t *testing.T) {
	dir, out, logs := t.TempDir(), &output{}, &output{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, build(t), "serve", "-dir", dir)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env, cmd.Stdout, cmd.Stderr = environ(t), out, logs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var at struct{ Service, Admin string }
	within(t, "the shop does not serve", func() bool { return json.Unmarshal([]byte(out.String()), &at) == nil })
	prometheus, err := promtest.Start(500*time.Millisecond, strings.TrimPrefix(at.Admin, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := prometheus.Stop(); err != nil {
			t.Error(err)
		}
	}()

	const sent = "4bf92f3577b34da6a3ce929d0e0e4736"
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.Service+"/orders", strings.NewReader(`{"item":"kettle","cents":2900}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Request-Id", "r-881")
	req.Header.Set("Traceparent", "00-"+sent+"-00f067aa0ba902b7-01")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusCreated || resp.Header.Get("X-Request-Id") != "r-881" {
		t.Errorf("%s, request ID %q", resp.Status, resp.Header.Get("X-Request-Id"))
	}

	var record map[string]any
	within(t, "no log record of the request", func() bool {
		for line := range strings.Lines(logs.String()) {
			if strings.Contains(line, "order placed") && json.Unmarshal([]byte(line), &record) == nil {
				return true
			}
		}
		return false
	})
	task, _ := record["task"].(string)
	if record["request"] != "r-881" || record["trace_id"] != sent || record["domain"] != "POST /orders" || !strings.HasPrefix(task, "POST /orders#") {
		t.Errorf("the record has %v", record)
	}
	for expr, what := range map[string]string{
		`hale_http_requests_total{method="POST",path="/orders",status="201"} == 1`:               "the request is not counted",
		`hale_operation_requests_total{operation="payments.charge",kind="client"} == 1`:          "the call of the payments service is not counted",
		`histogram_quantile(0.5, hale_http_request_duration_seconds_bucket{path="/orders"}) > 0`: "the request has no duration",
		`hale_tasks{task="orders.consume"} == 1`:                                                 "the consumer is not alive",
		`hale_open_files > 0`:                                                                    "no files are open",
	} {
		within(t, what, func() bool {
			values, err := prometheus.Query(ctx, expr)
			return err == nil && len(values) > 0
		})
	}
	exemplars, err := prometheus.Exemplars(ctx, `hale_http_request_duration_seconds_bucket{path="/orders"}`, 5)
	if err != nil || len(exemplars) == 0 {
		t.Errorf("exemplars %+v, %v", exemplars, err)
	}

	cancel()
	if err := cmd.Wait(); err != nil {
		t.Logf("the shop ended with %v", err)
	}
	spans, err := os.ReadFile(filepath.Join(dir, "traces.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{sent, `"POST /orders"`, `"payments.charge"`, task} {
		if !bytes.Contains(spans, []byte(want)) {
			t.Errorf("no span has %s", want)
		}
	}
}
