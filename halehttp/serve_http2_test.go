package halehttp_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/halehttp"
)

// Connections of HTTP/2 are told to end: what is under way on one ends, and the next request
// takes another connection.
func TestServeHTTP2(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	begun := make(chan struct{}, 1)
	srv := &http.Server{
		ReadHeaderTimeout: time.Second,
		Protocols:         &protocols,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				begun <- struct{}{}
				time.Sleep(300 * time.Millisecond)
			}
			_, _ = io.Copy(w, r.Body)
		}),
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- halehttp.Serve(ctx, srv, l, halehttp.Window(50*time.Millisecond)) }()
	client := &http.Client{Transport: &http.Transport{Protocols: &protocols}}
	defer client.CloseIdleConnections()
	post := func(path string) error {
		resp, err := client.Post("http://"+l.Addr().String()+path, "text/plain", strings.NewReader("an order"))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err == nil && (string(body) != "an order" || resp.ProtoMajor != 2) {
			t.Errorf("%s %q", resp.Proto, body)
		}
		return err
	}
	if err := post("/"); err != nil {
		t.Fatal(err)
	}
	slow := make(chan error, 1)
	go func() { slow <- post("/slow") }()
	<-begun
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := <-slow; err != nil {
		t.Error(err)
	}
}
