package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleotel"
)

// service is one of the two, as far as they are alike.
type service struct {
	rt        *hale.Runtime
	telemetry *telemetry
	logger    *slog.Logger
	client    *http.Client
	mux       *http.ServeMux
	server    *http.Server
	url       string
}

// newService starts a service on a port of its own.
func newService(ctx context.Context, name, to string, out io.Writer) (*service, error) {
	tel, err := newTelemetry(ctx, name, to, out)
	if err != nil {
		return nil, err
	}
	s := &service{telemetry: tel, logger: tel.logger(out), client: &http.Client{Transport: &http.Transport{}}, mux: http.NewServeMux()}
	s.rt, err = hale.New(hale.WithTracer(haleotel.NewTracer(tel.traces)), hale.WithLogger(s.logger))
	if err != nil {
		return nil, errors.Join(err, tel.close(ctx))
	}
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return nil, errors.Join(err, s.close(ctx))
	}
	s.url = "http://" + l.Addr().String()
	s.server = &http.Server{Handler: s.mux}
	s.rt.Go(ctx, "hale.loop", s.rt.Run)
	s.rt.Go(ctx, "http.serve", func(context.Context) error {
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return s, nil
}

// close ends the service, the telemetry last: what ends before is in it.
func (s *service) close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx) // an interrupt is no reason to lose spans
	var err error
	if s.server != nil {
		err = s.server.Shutdown(ctx)
	}
	s.client.CloseIdleConnections()
	return errors.Join(err, s.rt.Close(), s.telemetry.close(ctx))
}
