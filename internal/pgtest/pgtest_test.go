//go:build unix

package pgtest_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/hale-go/hale/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask runs a statement that returns one text.
func ask(t *testing.T, s *pgtest.Server, statement string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var out string
	err = conn.QueryRow(ctx, statement).Scan(&out)
	return out, err
}

func TestServer(t *testing.T) {
	s := pgtest.Start(t, "max_connections=17")
	if got, err := ask(t, s, "SHOW max_connections"); err != nil || got != "17" {
		t.Errorf("%q, %v: settings do not arrive", got, err)
	}
	if _, err := ask(t, s, "CREATE TABLE kept (n int); SELECT 'x'"); err == nil {
		t.Error("two statements in one")
	}
	_, _ = ask(t, s, "CREATE TABLE kept (n int)") // it returns no row
	if info, err := os.Stat(s.Data + "/base"); err != nil || !info.IsDir() {
		t.Errorf("the data folder: %v", err)
	}
	for _, end := range []func(){s.Kill, s.Kill, func() { _ = s.Stop() }} {
		end()
		if _, err := ask(t, s, "SELECT 'x'"); err == nil {
			t.Fatal("it answers after its end")
		}
	}
	for range 2 { // started, and stopped and started
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		if got, err := ask(t, s, "SELECT count(*)::text FROM kept"); err != nil || got != "0" {
			t.Errorf("%q, %v: the table is gone", got, err)
		}
	}
}

func TestStandby(t *testing.T) {
	primary := pgtest.Start(t)
	standby := pgtest.StartStandby(t, primary, "hot_standby=on")
	if got, err := ask(t, standby, "SELECT pg_is_in_recovery()::text"); err != nil || got != "true" {
		t.Fatalf("%q, %v", got, err)
	}
	_, _ = ask(t, primary, "CREATE TABLE followed (n int)")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, err := ask(t, standby, "SELECT count(*)::text FROM followed")
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	primary.Kill()
	if err := standby.Promote(); err != nil {
		t.Fatal(err)
	}
	if got, err := ask(t, standby, "SELECT pg_is_in_recovery()::text"); err != nil || got != "false" {
		t.Errorf("%q, %v", got, err)
	}
}
