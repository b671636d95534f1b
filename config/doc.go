// Package config reads the settings of hale from a file, hale.yaml, and reads it again
// when it changes.
//
// A file holds the same settings as [hale.Config], by the names of their yaml tags;
// docs/config.md lists them all. What is not in the file has its default, so an empty
// file is a good one. The file is read strictly: each mistake is a [*Error] with its
// line and column, the path of the key and how to mend it. A mistake is never passed
// over, since who wrote "timeout: 5" would not learn for how long calls hang.
//
//	cfg, err := config.Load("hale.yaml")
//	if err != nil {
//		log.Fatal(err, "; ", hale.Hint(err))
//	}
//	rt, err := hale.New(hale.WithConfig(cfg))
//
// [Watch] hands changed settings to a running process:
//
//	go config.Watch(ctx, "hale.yaml", rt.Reconfigure)
package config

//go:generate go run ./gen
