package promtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long Prometheus may take to start, and to stop.
const patience = 30 * time.Second

// Server is a Prometheus that runs. Its methods may be called from any goroutine.
type Server struct {
	URL string // such as "http://127.0.0.1:9090"

	cmd     *exec.Cmd
	dir     string
	client  http.Client
	ended   chan struct{}
	stopped sync.Once
	err     error // of Stop
}

// Start starts a Prometheus that scrapes the targets, addresses such as
// "127.0.0.1:8080", at /metrics and in the given interval, in whole milliseconds. It
// keeps exemplars. It returns when Prometheus is ready; end it with [Server.Stop].
func Start(interval time.Duration, targets ...string) (*Server, error) {
	prometheus, err := exec.LookPath("prometheus")
	if err != nil {
		return nil, fmt.Errorf("promtest: prometheus is not installed: run make deps as root, or install the package prometheus: %w", err)
	}
	var errs []error
	for range 3 { // somebody else may take the port in between
		s, err := try(prometheus, interval, targets)
		if err == nil {
			return s, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func try(prometheus string, interval time.Duration, targets []string) (_ *Server, err error) {
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "hale-prometheus")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte(configOf(interval, targets)), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s := &Server{URL: "http://" + addr, dir: dir, ended: make(chan struct{})}
	s.client = http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	s.cmd = exec.Command(prometheus, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+addr, "--enable-feature=exemplar-storage", "--log.level=warn")
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, log, log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait() // how it ended: by our signal, or its log says
	}()
	if err := s.ready(); err != nil {
		said, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("promtest: %w; it said: %.2000s", errors.Join(err, s.end()), said)
	}
	return s, nil
}

func freePort() (string, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return free.Addr().String(), free.Close()
}

func configOf(interval time.Duration, targets []string) string {
	every := fmt.Sprintf("%dms", max(interval.Milliseconds(), 1))
	var b strings.Builder
	fmt.Fprintf(&b, "global:\n  scrape_interval: %[1]s\n  scrape_timeout: %[1]s\n", every)
	b.WriteString("scrape_configs:\n  - job_name: hale\n    static_configs:\n      - targets: [")
	for i, t := range targets {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", t)
	}
	b.WriteString("]\n")
	return b.String()
}

// ready waits until Prometheus answers queries.
func (s *Server) ready() error {
	for deadline := time.Now().Add(patience); ; {
		err := s.get(context.Background(), "/-/ready", nil, nil)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
		select {
		case <-s.ended:
			return errors.New("it ended")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop ends Prometheus and removes its folder. A second call returns what the first did.
func (s *Server) Stop() error {
	s.stopped.Do(func() { s.err = errors.Join(s.end(), os.RemoveAll(s.dir)) })
	return s.err
}

// end ends the process.
func (s *Server) end() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = s.cmd.Process.Kill() // a system without signals
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(patience):
	}
	err := s.cmd.Process.Kill()
	<-s.ended
	return errors.Join(errors.New("promtest: Prometheus did not end when it was asked to"), err)
}
