package main

import (
	_ "embed"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/config"
)

// settingsFile is in the program, so that it runs from anywhere. A real service would
// load it from where it is deployed, and follow it with [config.Watch].
//
//go:embed hale.yaml
var settingsFile []byte

func settings() (hale.Config, error) { return config.Decode("hale.yaml", settingsFile) }
