package checkpoint

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
)

// SQL is a [Store] in a table of PostgreSQL 9.5 or later, for tasks that may come back on
// another machine. Its fields must not be changed while it is in use. The table has to be
// there; [SQL.CreateTable] makes it, or what [SQL.Schema] returns.
//
// A save is one statement, which writes if the claim is the last one, and a claim is one, too.
// A connection that dies, or a context that ends, leaves the row as it was or as it was to
// be: what is not known is which of the two, and the next Save or Resume tells. How durable
// a save is, is the database's setting: with asynchronous replication a failover loses the
// last ones. Resume takes epochs from the clock, so that such a failover does not give out
// one again, as long as clocks agree better than the lag.
type SQL struct {
	DB *sql.DB // DB is the database. Its pool and timeouts are the caller's.
	// Table is its name, with a schema if need be: letters, digits and "_", at most one
	// ".". Default: "hale_checkpoints".
	Table string
}

var tableName = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]{0,62}\.)?[A-Za-z_][A-Za-z0-9_]{0,55}$`)

// Schema returns the statements that make the tables, where they are not there: that of
// the records, and one for those that are set aside, whose name ends with "_aside". It is
// empty when the name of the table cannot be used.
func (s SQL) Schema() string {
	t, err := s.table()
	if err != nil {
		return ""
	}
	return fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %[1]s (
	key text PRIMARY KEY,
	epoch bigint NOT NULL,
	number bigint NOT NULL,
	state bytea,
	previous bytea
);
CREATE TABLE IF NOT EXISTS %[1]s_aside (
	key text NOT NULL,
	number bigint NOT NULL,
	record bytea NOT NULL,
	PRIMARY KEY (key, number)
);
`, t)
}

// CreateTable carries out [SQL.Schema]. Processes that start together may all call it.
func (s SQL) CreateTable(ctx context.Context) error {
	if _, err := s.table(); err != nil {
		return err
	}
	var err error
	for range 3 { // where two make it at once, one fails, although it says IF NOT EXISTS
		if _, err = s.DB.ExecContext(ctx, s.Schema()); err == nil || ctx.Err() != nil {
			break
		}
	}
	return s.failed(err)
}

// Claim implements [Store].
func (s SQL) Claim(ctx context.Context, key string, atLeast uint64) (Grant, error) {
	t, err := s.table()
	if err != nil {
		return Grant{}, err
	}
	var g Grant
	var state, previous []byte
	row := s.DB.QueryRowContext(ctx, fmt.Sprintf(`INSERT INTO %[1]s AS t (key, epoch, number) VALUES ($1, $2, 0)
ON CONFLICT (key) DO UPDATE SET epoch = GREATEST(t.epoch + 1, excluded.epoch), number = 0
RETURNING epoch, substring(state FROM 1 FOR %[2]d), substring(previous FROM 1 FOR %[2]d)`, t, MaxRecord+1), key, int64(max(atLeast, 1)))
	if err := row.Scan(&g.Epoch, &state, &previous); err != nil {
		return Grant{}, s.failed(err)
	}
	for _, record := range [][]byte{state, previous} {
		if record != nil {
			g.Records = append(g.Records, record)
		}
	}
	return g, nil
}

// Save implements [Store]. A statement that was given up, by a context or with its connection, may
// still be carried out: its number keeps it from overwriting a later one. The same statement
// once more, as database/sql may try it, changes nothing.
func (s SQL) Save(ctx context.Context, key string, epoch, number uint64, record []byte) error {
	t, err := s.table()
	if err != nil {
		return err
	}
	if record == nil {
		record = []byte{}
	}
	done, err := s.DB.ExecContext(ctx, fmt.Sprintf(`UPDATE %s SET number = $3, state = $4,
	previous = CASE WHEN number = $3 OR state IS NULL THEN previous ELSE state END
WHERE key = $1 AND epoch = $2 AND number <= $3`, t), key, int64(epoch), int64(number), record)
	if err != nil {
		return s.failed(err)
	}
	n, err := done.RowsAffected()
	if err == nil && n == 0 {
		return ErrFenced
	}
	return s.failed(err)
}

// SetAside implements [Store].
func (s SQL) SetAside(ctx context.Context, key string, epoch uint64, n int) ([]string, error) {
	t, err := s.table()
	if err != nil {
		return nil, err
	}
	tx, err := s.DB.BeginTx(ctx, nil)
	if err != nil {
		return nil, s.failed(err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	var state, previous bool
	row := tx.QueryRowContext(ctx, fmt.Sprintf(`SELECT state IS NOT NULL, previous IS NOT NULL FROM %s
WHERE key = $1 AND epoch = $2 FOR UPDATE`, t), key, int64(epoch))
	if err := row.Scan(&state, &previous); errors.Is(err, sql.ErrNoRows) {
		return nil, ErrFenced
	} else if err != nil {
		return nil, s.failed(err)
	}
	var where []string
	for _, slot := range []struct {
		column string
		there  bool
	}{{"state", state}, {"previous", previous}} {
		if !slot.there || len(where) >= n {
			continue
		}
		var number int64
		row := tx.QueryRowContext(ctx, fmt.Sprintf(`INSERT INTO %[1]s_aside (key, number, record)
SELECT key, (SELECT COALESCE(MAX(number), 0) + 1 FROM %[1]s_aside WHERE key = $1), %[2]s FROM %[1]s WHERE key = $1
RETURNING number`, t, slot.column), key)
		if err := row.Scan(&number); err != nil {
			return nil, s.failed(err)
		}
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`UPDATE %s SET %s = NULL WHERE key = $1`, t, slot.column), key); err != nil {
			return nil, s.failed(err)
		}
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`DELETE FROM %s_aside WHERE key = $1 AND number <= $2`, t), key, number-kept); err != nil {
			return nil, s.failed(err)
		}
		where = append(where, fmt.Sprintf("%s_aside, number %d", t, number))
	}
	if err := tx.Commit(); err != nil {
		return nil, s.failed(err)
	}
	return where, nil
}

func (s SQL) table() (string, error) {
	refuse := func(err error, mend string) (string, error) { return "", &Error{Err: err, Mend: mend} }
	switch {
	case s.DB == nil:
		return refuse(errors.New("no database"), "set SQL.DB")
	case s.Table == "":
		return "hale_checkpoints", nil
	case !tableName.MatchString(s.Table):
		return refuse(fmt.Errorf("the table's name %.100q cannot be used", s.Table), "use letters, digits and _, with at most one schema and a dot before")
	}
	return s.Table, nil
}

// failed says where something went wrong. It returns nil for nil.
func (s SQL) failed(err error) error {
	if err == nil {
		return nil
	}
	t, _ := s.table() // it was asked before
	mend := "the database's own error says what it lacks; what was saved before is as it was"
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		mend = "give the context more time, or see what the database waits for; what was saved before is as it was"
	}
	return &Error{Where: "table " + t, Err: err, Mend: mend}
}
