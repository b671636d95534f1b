package halesql_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hale-go/hale/halesql"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{"", "sql"},
		{"  ", "sql"},
		{"?", "sql"},
		{"frobnicate orders", "sql"},
		{"'SELECT' FROM orders", "sql"},
		{"SELECT 1", "SELECT"},
		{"select * from orders", "SELECT orders"},
		{"SELECT * FROM public.orders WHERE id = $1", "SELECT public.orders"},
		{"SELECT * FROM Orders;", "SELECT Orders"},
		{`SELECT * FROM "shop"."orders" o`, "SELECT shop.orders"},
		{"SELECT * FROM `orders`", "SELECT orders"},
		{"SELECT * FROM [dbo].[orders]", "SELECT dbo.orders"},
		{`SELECT * FROM "weird name, of a user"`, "SELECT"},
		{"SELECT * FROM größe", "SELECT"},
		{"SELECT * FROM a.b.", "SELECT"},
		{"SELECT a FROM ONLY orders", "SELECT orders"},
		{"-- get orders\nSELECT 1 -- FROM x\n FROM orders", "SELECT orders"},
		{"/* FROM x */ SELECT/**/id/**/FROM/**/orders", "SELECT orders"},
		{"/* never closed SELECT 1", "sql"},
		{"-- never ended SELECT 1", "sql"},
		{"SELECT 'FROM users; it''s', \"FROM\" FROM orders", "SELECT orders"},
		{`SELECT E'it\'s FROM users' FROM orders`, "SELECT orders"},
		{"SELECT $$ FROM users $$, $a$ $$ FROM x $a$, $1 FROM orders", "SELECT orders"},
		{"SELECT 'never closed FROM users", "SELECT"},
		{`SELECT 'ends in \`, "SELECT"},
		{"SELECT (SELECT max(id) FROM users) FROM orders", "SELECT orders"},
		{"SELECT extract(year FROM t) FROM orders", "SELECT orders"},
		{"SELECT a IS DISTINCT FROM b FROM orders", "SELECT orders"},
		{"SELECT DISTINCT a FROM orders", "SELECT orders"},
		{"SELECT * FROM (SELECT * FROM (orders JOIN x)) s", "SELECT orders"},
		{"SELECT * FROM (VALUES (1)) v", "SELECT"},
		{"SELECT * FROM generate_series(1, 3)", "SELECT generate_series"},
		{"SELECT * FROM 7", "SELECT"},
		{"(SELECT a FROM orders) UNION (SELECT b FROM x)", "SELECT orders"},
		{"SELECT 1; SELECT * FROM x", "SELECT"},
		{"SELECT now() AT TIME ZONE 'UTC'", "SELECT"},
		{"INSERT INTO orders (id) VALUES (1)", "INSERT orders"},
		{"INSERT IGNORE INTO orders SELECT * FROM x", "INSERT orders"},
		{"INSERT OR REPLACE INTO orders VALUES (1)", "INSERT orders"},
		{"UPDATE orders SET a = (SELECT b FROM x)", "UPDATE orders"},
		{"UPDATE OR ROLLBACK orders SET a = 1", "UPDATE orders"},
		{"DELETE FROM orders USING x", "DELETE orders"},
		{"MERGE INTO orders USING x ON true", "MERGE orders"},
		{"TRUNCATE TABLE orders", "TRUNCATE orders"},
		{"CREATE TEMP TABLE IF NOT EXISTS orders (id int)", "CREATE orders"},
		{"CREATE INDEX i ON orders (id)", "CREATE"},
		{"DROP TABLE IF EXISTS orders", "DROP orders"},
		{"COPY orders FROM STDIN", "COPY orders"},
		{"CALL refresh(1)", "CALL refresh"},
		{"SET search_path = secret", "SET"},
		{"EXPLAIN ANALYZE SELECT * FROM orders", "EXPLAIN"},
		{"BEGIN", "BEGIN"},
		{"; ; SELECT * FROM orders", "SELECT orders"},
		{"WITH x AS (SELECT * FROM a), y(b) AS (SELECT 1) SELECT * FROM orders JOIN x", "SELECT orders"},
		{"WITH RECURSIVE t AS MATERIALIZED (DELETE FROM a RETURNING *) INSERT INTO orders SELECT * FROM t", "INSERT orders"},
		{"WITH x AS (SELECT 1", "WITH"},
		{"SELECT * FROM " + strings.Repeat("(", 1<<16), "SELECT"},
		{"SELECT * FROM " + strings.Repeat("a", 65), "SELECT"},
		{"SELECT " + strings.Repeat("x,", 1<<16) + "1 FROM orders", "SELECT"},
	} {
		verb, table := halesql.Parse(c.query)
		if got := strings.TrimSuffix(verb+" "+table, " "); got != c.want {
			t.Errorf("%.80s: %q, want %q", c.query, got, c.want)
		}
	}
}

// FuzzParse: whatever the text, a verb is one of few and a table is short, plain and in
// the text.
func FuzzParse(f *testing.F) {
	for _, query := range []string{
		"SELECT * FROM orders", "WITH x AS (SELECT 1) DELETE FROM a.b", "INSERT INTO \"x\" VALUES ('it''s')", "/* x */ (((SELECT", "$a$ $$", "'\\", "[", "SELECT\x00FROM\x00x",
		"SELECT e'\\' FROM `a``b`", "UPDATE a . b", "--", "$", "SELECT FROM \"\"",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		verb, table := halesql.Parse(query)
		if verb == "" || verb != "sql" && !slices.Contains(halesql.Verbs, verb) {
			t.Errorf("verb %q", verb)
		}
		if len(table) > 192 || verb == "sql" && table != "" {
			t.Errorf("table %q of a %s", table, verb)
		}
		for part := range strings.SplitSeq(table, ".") {
			if !strings.Contains(query, part) || strings.IndexFunc(part, func(r rune) bool {
				return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '$'
			}) >= 0 {
				t.Errorf("table %q", table)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	const query = "SELECT o.id, o.total, o.placed_at FROM orders o JOIN customers c ON c.id = o.customer WHERE o.id = $1"
	b.ReportAllocs()
	for b.Loop() {
		if _, table := halesql.Parse(query); table != "orders" {
			b.Fatal(table)
		}
	}
}
