package detect

import (
	"slices"
	"strings"
)

// builtinCreators are the beginnings of names of functions whose goroutines
// belong to a pool of connections or to what keeps one: they are made within a
// request, bear its label, and are meant to outlive it. The linker writes a dot
// in the last element of an import path as %2e.
//
// What a caller has to end himself is left out on purpose, though the function
// is a library's: gRPC's watcher of a stream, a subscription of Redis. That of
// NATS is in, because each connection that asks has one to hear the answers;
// subscriptions that leak are left to [Growth].
var builtinCreators = []string{
	"net/http.(*persistConn).",
	"net/http.(*Transport).",
	"net/http.(*conn).serve",
	"net/http.(*connReader).",
	"net/http.(*http2",
	"net/http/internal/http2.",
	"golang.org/x/net/http2.",
	"database/sql.(*DB).connection",
	"os/signal.",

	"github.com/jackc/pgx/v5/pgxpool.",
	"github.com/jackc/pgx/v5/pgconn.",
	"github.com/jackc/pgx/v5/pgconn/",
	"github.com/jackc/puddle/v2.",
	"github.com/go-sql-driver/mysql.(*mysqlConn).",

	"github.com/redis/go-redis/v9/internal/",
	"github.com/redis/go-redis/v9/maintnotifications.",
	"github.com/redis/go-redis/v9.(*clusterNode).",
	"github.com/redis/go-redis/v9.(*clusterStateHolder).",
	"github.com/redis/go-redis/v9.(*ringSharding).",

	"github.com/nats-io/nats%2ego.(*Conn).readLoop",
	"github.com/nats-io/nats%2ego.(*Conn).flusher",
	"github.com/nats-io/nats%2ego.(*Conn).doReconnect",
	"github.com/nats-io/nats%2ego.(*Conn).waitForMsgs",
	"github.com/nats-io/nats%2ego.(*asyncCallbacksHandler).",

	"google.golang.org/grpc/internal/",
	"google.golang.org/grpc.(*addrConn).",
	"google.golang.org/grpc.(*acBalancerWrapper).",
	"google.golang.org/grpc.(*ccBalancerWrapper).",
	"google.golang.org/grpc.(*Server).",
}

// creator reports whether a function starts with one of the built-in names or
// of the service's own.
func (c LeakConfig) creator(function string) bool {
	has := func(prefix string) bool { return prefix != "" && strings.HasPrefix(function, prefix) }
	return slices.ContainsFunc(builtinCreators, has) || slices.ContainsFunc(c.Creators, has)
}
