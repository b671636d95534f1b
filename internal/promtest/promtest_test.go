package promtest_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale/internal/promtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServer(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("answer{to=\"all\"} 42\n"))
	}))
	t.Cleanup(target.Close)
	s, err := promtest.Start(200*time.Millisecond, strings.TrimPrefix(target.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		got, err := s.Query(t.Context(), `answer`)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 1 && got[0].Value == 42 && got[0].Labels["to"] == "all" {
			break
		}
		if time.Now().After(deadline) {
			targets, err := s.Targets(t.Context())
			t.Fatalf("%+v; targets %+v, %v", got, targets, err)
		}
	}
	if targets, err := s.Targets(t.Context()); err != nil || len(targets) != 1 || targets[0].Health != "up" {
		t.Errorf("targets %+v, %v", targets, err)
	}
	if got, err := s.Exemplars(t.Context(), `answer`, 5); err != nil || len(got) != 0 {
		t.Errorf("exemplars %+v, %v", got, err)
	}
	if _, err := s.Query(t.Context(), `answer{`); err == nil || !strings.Contains(err.Error(), "parse error") {
		t.Errorf("a query that is none: %v", err)
	}
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Query(t.Context(), `answer`); err == nil {
		t.Error("it answers after its end")
	}
}

func TestNoPrometheus(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := promtest.Start(time.Second); err == nil || !strings.Contains(err.Error(), "make deps") {
		t.Errorf("%v", err)
	}
}

// A Prometheus that ends at once says why, and leaves no folder behind.
func TestBrokenPrometheus(t *testing.T) {
	bin, tmp := t.TempDir(), t.TempDir()
	if err := os.WriteFile(bin+"/prometheus", []byte("#!/bin/sh\necho no such thing\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":/bin:/usr/bin")
	t.Setenv("TMPDIR", tmp)
	_, err := promtest.Start(time.Second)
	if err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}
