package health_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/hale-go/hale/health"
)

// The manifest asks for what there is.
func TestManifest(t *testing.T) {
	data, err := os.ReadFile("../deploy/kubernetes/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var manifest map[string]any
	if err := yaml.UnmarshalWithOptions(data, &manifest, yaml.Strict()); err != nil || manifest["kind"] != "Deployment" {
		t.Fatalf("%v %v", manifest["kind"], err)
	}
	p := newProbes(t, nil, health.Config{})
	p.Started()
	paths := regexp.MustCompile(`path: (/\w+)`).FindAllStringSubmatch(string(data), -1)
	if len(paths) != 3 {
		t.Errorf("probes of %v", paths)
	}
	for _, path := range paths {
		rec := httptest.NewRecorder()
		p.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path[1], http.NoBody))
		if rec.Code != http.StatusOK {
			t.Errorf("%s is answered with %d", path[1], rec.Code)
		}
	}
}
