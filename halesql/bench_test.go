package halesql_test

import (
	"context"
	"database/sql/driver"
	"testing"

	"github.com/hale-go/hale/halesql"
)

// nothing is a connection that does nothing.
type nothing struct{ *fake }

func (nothing) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, nil
}

// BenchmarkExec is a call of the driver, with hale and without.
func BenchmarkExec(b *testing.B) {
	c := &connector{log: &log{}, shape: shape{conn: func(f *fake) driver.Conn { return nothing{f} }}}
	for name, c := range map[string]driver.Connector{"bare": c, "hale": halesql.Wrap(newRuntime(b), c)} {
		b.Run(name, func(b *testing.B) {
			conn, err := c.Connect(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			exec := conn.(driver.ExecerContext)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := exec.ExecContext(b.Context(), "UPDATE orders SET paid = true WHERE id = ?", nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
