module github.com/hale-go/hale/examples

go 1.26.0

require (
	github.com/hale-go/hale v0.0.0
	go.etcd.io/bbolt v1.4.3
	go.uber.org/goleak v1.3.0
	golang.org/x/sync v0.24.0
)

require (
	github.com/google/pprof v0.0.0-20261016150608-1facf8f91b50 // indirect
	golang.org/x/sys v0.32.0 // indirect
)

replace github.com/hale-go/hale => ../
