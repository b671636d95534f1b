package config_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/config"
	"github.com/hale-go/hale/config/internal/reference"
)

// docs/config.md is what the comments of the settings say.
func TestReferenceIsUpToDate(t *testing.T) {
	want, err := reference.Write("..")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../docs/config.md")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/config.md is stale: run go generate ./config (%v)", err)
	}
}

// The file that docs/config.md begins with can be used.
func TestExampleFile(t *testing.T) {
	cfg, err := config.Load("testdata/hale.yaml")
	if err != nil || len(cfg.Domains) != 2 || len(cfg.Objectives) != 2 {
		t.Fatalf("%+v, %v", cfg, err)
	}
	rt, err := hale.New(hale.WithConfig(cfg))
	if err != nil {
		t.Fatal(err)
	}
	if err := rt.Close(); err != nil {
		t.Error(err)
	}
}
