// Command gen writes the list of all settings, docs/config.md, anew. It runs in the
// folder of package config, by go generate.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hale-go/hale/config/internal/reference"
)

func main() {
	text, err := reference.Write("..")
	if err == nil {
		err = os.WriteFile(filepath.Join("..", "docs", "config.md"), text, 0o644) //nolint:gosec // for all to read
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
