package halesql

import "strings"

// statement is a kind of statement: a verb in capitals and the first table, "" for
// none that is known.
type statement struct{ verb, table string }

// unknown is the verb of what begins with none that is known.
const unknown = "sql"

// maxParsed is how much of a query is looked at.
const maxParsed = 8 << 10

// cut returns what is left of a name when there are too many.
func (s statement) cut() statement {
	if s.verb != unknown && verbOf(s.verb) == "" { // of [Name]
		return statement{verb: "other"}
	}
	return statement{verb: s.verb}
}

// parse finds the verb and the first table of a query. It takes any text in linear
// time, and keeps parts of it.
func parse(query string) statement {
	l := lexer{text: query[:min(len(query), maxParsed)]}
	st := statement{verb: l.verb()}
	switch st.verb {
	case "SELECT", "DELETE":
		st.table = l.tableAfter("FROM")
	case "INSERT", "REPLACE", "MERGE", "UPSERT":
		st.table = l.tableAfter("INTO")
	case "CREATE", "ALTER", "DROP":
		st.table = l.tableAfter("TABLE")
	case "UPDATE", "TRUNCATE", "COPY", "CALL":
		st.table = l.table()
	}
	return st
}

// verb reads up to the verb that says what the statement does.
func (l *lexer) verb() string {
	for {
		switch kind, text := l.next(); kind {
		case '(', ';':
		case word:
			switch verb := verbOf(text); verb {
			case "":
				return unknown
			case "WITH":
				return l.verbAfterWith()
			default:
				return verb
			}
		default:
			return unknown
		}
	}
}

// verbAfterWith reads past common table expressions.
func (l *lexer) verbAfterWith() string {
	for level := 0; ; {
		kind, text := l.next()
		switch {
		case kind == end:
			return "WITH"
		case kind == '(':
			level++
		case kind == ')':
			level--
		case kind == word && level == 0:
			switch verb := verbOf(text); verb {
			case "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "VALUES":
				return verb
			}
		}
	}
}

// tableAfter returns the first table after a keyword of the statement's own, not of what
// it has in parentheses.
func (l *lexer) tableAfter(keyword string) string {
	if !l.skipTo(keyword) {
		return ""
	}
	return l.table()
}

func (l *lexer) skipTo(keyword string) bool {
	distinct := false
	for level := 0; level >= 0; {
		kind, text := l.next()
		switch {
		case kind == end, kind == ';':
			return false
		case kind == '(':
			level++
		case kind == ')':
			level--
		case kind == word && level == 0 && is(text, keyword) && !distinct:
			return true
		}
		distinct = kind == word && is(text, "DISTINCT") // IS DISTINCT FROM
	}
	return false
}

// table returns the table that comes next, within subqueries too.
func (l *lexer) table() string {
	for {
		kind, text := l.next()
		switch {
		case kind == '(':
		case kind == quoted:
			return l.rest(text)
		case kind != word:
			return ""
		case isModifier(text):
		case is(text, "SELECT"):
			if !l.skipTo("FROM") {
				return ""
			}
		case is(text, "VALUES"), is(text, "WITH"):
			return ""
		default:
			return l.rest(text)
		}
	}
}

// rest returns a table's whole name, of which the first part is read: its schema, maybe.
func (l *lexer) rest(name string) string {
	ok := plain(name)
	for l.at < len(l.text) && l.text[l.at] == '.' {
		l.at++
		kind, part := l.next()
		if kind != word && kind != quoted {
			return ""
		}
		ok = ok && plain(part)
		name += "." + part
	}
	if !ok || len(name) > 3*maxIdentifier {
		return ""
	}
	return name
}

// maxIdentifier is PostgreSQL's, and near that of others.
const maxIdentifier = 64

// plain reports whether a name is one that people give to tables.
func plain(name string) bool {
	for i := range len(name) {
		if c := name[i]; !isWord(c) || c >= 0x80 {
			return false
		}
	}
	return name != "" && len(name) <= maxIdentifier
}

// modifiers are words that may stand before a table's name.
var modifiers = []string{"ONLY", "TABLE", "LATERAL", "IF", "NOT", "EXISTS", "LOW_PRIORITY", "IGNORE", "OR", "ROLLBACK", "ABORT", "FAIL", "REPLACE"}

func isModifier(text string) bool { return oneOf(modifiers, text) != "" }

// verbs are those that are known, the usual ones first.
var verbs = []string{
	"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "BEGIN", "COMMIT", "ROLLBACK", "SET", "MERGE", "REPLACE", "UPSERT", "VALUES", "CALL", "EXEC", "EXECUTE",
	"DO", "CREATE", "ALTER", "DROP", "TRUNCATE", "COMMENT", "GRANT", "REVOKE", "REINDEX", "REFRESH", "VACUUM", "ANALYZE", "OPTIMIZE",
	"START", "END", "SAVEPOINT", "RELEASE", "LOCK", "UNLOCK", "RESET", "SHOW", "USE", "PRAGMA",
	"EXPLAIN", "DESCRIBE", "PREPARE", "DEALLOCATE", "DISCARD", "DECLARE", "FETCH", "CLOSE", "COPY", "LOAD", "LISTEN", "UNLISTEN", "NOTIFY", "KILL",
}

// verbOf returns a verb in capitals, "" for a word that is none.
func verbOf(text string) string { return oneOf(verbs, text) }

// oneOf returns the word of a list that text is, in whatever case, or "". It makes
// nothing.
func oneOf(words []string, text string) string {
	for _, w := range words {
		if is(text, w) {
			return w
		}
	}
	return ""
}

// is reports whether text is a word, in whatever case.
func is(text, word string) bool { return len(text) == len(word) && strings.EqualFold(text, word) }
