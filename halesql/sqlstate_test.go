package halesql_test

import (
	"errors"
	"testing"

	"github.com/hale-go/hale/halesql"
	"github.com/hale-go/hale/observe"
)

// Errors of a database count by SQLSTATE. A violated constraint is the fault of what
// was given, and a business error.
func TestSQLState(t *testing.T) {
	for code, want := range map[string]observe.Outcome{
		"23505":         {Name: "sqlstate 23505"},
		"23000":         {Name: "sqlstate 23000"},
		"22P02":         {Name: "sqlstate 22P02", Failed: true},
		"40001":         {Name: "sqlstate 40001", Failed: true},
		"08006":         {Name: "sqlstate 08006", Failed: true},
		"53300":         {Name: "sqlstate 53300", Failed: true},
		"57P01":         {Name: "sqlstate 57P01", Failed: true},
		"":              {Name: "halesql_test.stateError", Failed: true},
		"2350":          {Name: "halesql_test.stateError", Failed: true},
		"23505_of_user": {Name: "halesql_test.stateError", Failed: true},
		"23x\n5":        {Name: "halesql_test.stateError", Failed: true},
		"PANIC":         {Name: "halesql_test.stateError", Failed: true},
	} {
		t.Run(code, func(t *testing.T) {
			rt := newRuntime(t)
			db, _ := open(t, rt, "modern", halesql.Name(func(string) string { return "orders" }))
			_, err := db.ExecContext(t.Context(), "UPDATE orders SET state_"+code)
			var driver stateError
			if !errors.As(err, &driver) || string(driver) != code {
				t.Errorf("%v is not the driver's error", err)
			}
			want.Count = 1
			wants(t, rt, "sql.orders", want)
			st := stat(rt, "sql.orders")
			if reported := len(st.Reported) == 1 && st.Reported[0].Name == want.Name; reported == want.Failed || (st.Failed == 1) != want.Failed {
				t.Errorf("%+v", st)
			}
		})
	}
}

// However many codes there are, names are bounded.
func TestSQLStatesAreBounded(t *testing.T) {
	rt := newRuntime(t)
	db, _ := open(t, rt, "modern", halesql.Name(func(string) string { return "orders" }))
	for i := range 1000 {
		code := []byte("23000")
		for k := 4; k > 1; k-- {
			code[k] = "0123456789"[i%10]
			i /= 10
		}
		if _, err := db.ExecContext(t.Context(), "UPDATE orders SET state_"+string(code)); err == nil {
			t.Fatal("no error")
		}
	}
	if st := stat(rt, "sql.orders"); len(st.Outcomes) > 33 || len(st.Reported) > 33 || st.Failed != 0 || st.Ended != 1000 {
		t.Errorf("%d outcomes, %d reported, %d failed of %d", len(st.Outcomes), len(st.Reported), st.Failed, st.Ended)
	}
}
