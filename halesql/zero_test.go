package halesql_test

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halesql"
)

// What is nil is told when the database is asked, and panics nowhere.
func TestNil(t *testing.T) {
	rt, err := hale.New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rt.Close() }()
	for name, rt := range map[string]*hale.Runtime{"made": rt, "nil": nil, "zero": {}} {
		db := sql.OpenDB(halesql.Wrap(rt, nil, nil, halesql.Name(nil), halesql.Database("")))
		var bad *hale.ConfigError
		if err := db.PingContext(t.Context()); !errors.As(err, &bad) || hale.Hint(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := db.Driver().Open(""); !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
		halesql.Stats(rt, "a", nil)()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	if halesql.Unwrap(nil) != nil {
		t.Error("nil is something")
	}
}
