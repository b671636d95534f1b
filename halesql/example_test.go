package halesql_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halesql"
)

func Example() {
	rt, err := hale.New(hale.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		panic(err)
	}
	defer rt.Close()
	driverConnector := &connector{log: &log{}, shape: shapes["modern"]} // pgx, MySQL and others have one
	db := sql.OpenDB(halesql.Wrap(rt, driverConnector, halesql.Database("shop")))
	defer db.Close()
	defer halesql.Stats(rt, "shop", db)()

	if _, err := db.ExecContext(context.Background(), "UPDATE orders SET paid = true WHERE id = ?", 7); err != nil {
		panic(err)
	}
	for _, st := range rt.Operations() {
		if st.Ended > 0 {
			fmt.Println(st.Name, st.Outcomes[0].Name)
		}
	}
	// Output:
	// shop.CONNECT ok
	// shop.UPDATE orders ok
}
