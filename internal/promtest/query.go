package promtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Value is one series of a query's result.
type Value struct {
	Labels map[string]string
	Value  float64
}

// Query returns what a PromQL expression, whose type is instant vector, is now.
func (s *Server) Query(ctx context.Context, expr string) ([]Value, error) {
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any // time, and value as text
		}
	}
	if err := s.get(ctx, "/api/v1/query", url.Values{"query": {expr}}, &data); err != nil {
		return nil, err
	}
	var out []Value
	for _, r := range data.Result {
		text, _ := r.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("promtest: %s: %w", expr, err)
		}
		out = append(out, Value{r.Metric, v})
	}
	return out, nil
}

// Exemplar is one that Prometheus keeps.
type Exemplar struct {
	Series map[string]string // labels of the series that it belongs to
	Labels map[string]string
	Value  float64
}

// Exemplars returns those of the series that an expression has, of the last minutes.
func (s *Server) Exemplars(ctx context.Context, expr string, minutes int) ([]Exemplar, error) {
	var data []struct {
		SeriesLabels map[string]string
		Exemplars    []struct {
			Labels map[string]string
			Value  string
		}
	}
	now := time.Now()
	args := url.Values{
		"query": {expr},
		"start": {strconv.FormatInt(now.Add(-time.Duration(minutes)*time.Minute).Unix(), 10)},
		"end":   {strconv.FormatInt(now.Add(time.Minute).Unix(), 10)},
	}
	if err := s.get(ctx, "/api/v1/query_exemplars", args, &data); err != nil {
		return nil, err
	}
	var out []Exemplar
	for _, series := range data {
		for _, e := range series.Exemplars {
			v, err := strconv.ParseFloat(e.Value, 64)
			if err != nil {
				return nil, fmt.Errorf("promtest: exemplars of %s: %w", expr, err)
			}
			out = append(out, Exemplar{series.SeriesLabels, e.Labels, v})
		}
	}
	return out, nil
}

// Target is something that Prometheus scrapes.
type Target struct {
	ScrapeURL string
	Health    string // "up", "down" or "unknown"
	LastError string
}

// Targets returns what is scraped and how that went.
func (s *Server) Targets(ctx context.Context) ([]Target, error) {
	var data struct{ ActiveTargets []Target }
	err := s.get(ctx, "/api/v1/targets", nil, &data)
	return data.ActiveTargets, err
}

// get asks Prometheus and decodes the data of its answer, where data is not nil.
func (s *Server) get(ctx context.Context, path string, args url.Values, data any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path+"?"+args.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("promtest: %s: %s: %.500s", path, resp.Status, body)
	}
	if data == nil {
		return nil
	}
	answer := struct{ Data any }{data}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("promtest: %s: %w: %.500s", path, err, body)
	}
	return nil
}
