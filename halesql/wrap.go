package halesql

import (
	"context"
	"database/sql/driver"
	"io"

	"github.com/hale-go/hale"
)

// Option is a choice for [Wrap].
type Option func(*database)

// Database is the name of the database in names of operations, and their domain.
// Default: "sql".
func Database(name string) Option {
	return func(d *database) {
		if name != "" {
			d.name = name
		}
	}
}

// Name names statements by f, such as "orders of a customer": one of few, without data
// of users. The database's name is put before it. It may be called for each statement,
// at any time and by many at once, or once for those of the same text. Where f returns
// "" or panics, the name is found as without it.
func Name(f func(query string) string) Option { return func(d *database) { d.naming = f } }

// Wrap returns a connector whose connections are c's under rt's care, for
// [database/sql.OpenDB]; see the package. Of a driver that has no connector,
// [driver.DriverContext] may have one. A nil runtime, or one that was not made by
// [hale.New], gives c back. A nil c is one whose connections cannot be made: Connect
// returns a [*hale.ConfigError]. A call takes about 0.5 µs and 2 allocations more than without.
func Wrap(rt *hale.Runtime, c driver.Connector, opts ...Option) driver.Connector {
	d := &database{rt: rt, name: "sql"}
	for _, opt := range opts {
		if opt != nil {
			opt(d)
		}
	}
	if c == nil {
		return nobody{}
	}
	if !d.open() {
		return c
	}
	return &connector{Connector: c, db: d}
}

// connector makes connections under hale's care. It returns the driver's own Driver.
type connector struct {
	driver.Connector
	db *database
}

// Connect opens a connection.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, s := c.db.begin(ctx, c.db.connect)
	defer s.broke()
	inner, err := c.Connector.Connect(ctx)
	s.end(err)
	if err != nil || inner == nil {
		return inner, err
	}
	return newConn(c.db, inner), nil
}

// Close closes the driver's connector, if it can be closed. [database/sql.DB.Close]
// calls it.
func (c *connector) Close() error {
	if closer, ok := c.Connector.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// nobody stands for a connector that is not there, which database/sql does not look for.
type nobody struct{}

func (nobody) Connect(context.Context) (driver.Conn, error) { return nobody{}.Open("") }

func (nobody) Driver() driver.Driver { return nobody{} }

func (nobody) Open(string) (driver.Conn, error) {
	return nil, &hale.ConfigError{Field: "halesql.Wrap: connector", Value: "nil", Mend: "give that of the driver, such as of pgx's stdlib.GetConnector or of the driver's NewConnector"}
}

// Unwrap returns the driver's own connection of one that [database/sql.Conn.Raw] gave
// out, and anything else as it is.
func Unwrap(driverConn any) any {
	if c, ok := driverConn.(interface{ unwrap() driver.Conn }); ok {
		return c.unwrap()
	}
	return driverConn
}
