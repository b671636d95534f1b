// Package pools runs the healthy service with what real services have in them:
// a pgx pool on PostgreSQL, a go-redis client on Redis, and NATS connections
// that the first requests dial. Their goroutines and connections are made inside
// requests and outlive them, by other people's code. Its test runs that under
// hale with settings as harsh as they get, and demands that nothing is accused.
//
// The servers are real ones: the test starts and stops them, on loopback, with
// folders of their own. "make deps" installs what is missing. A server that is
// missing fails the test.
package pools
