module github.com/hale-go/hale/cmd/hale

go 1.26.0

require (
	github.com/coreos/go-systemd/v22 v22.7.0
	github.com/hale-go/hale v0.0.0
	github.com/rogpeppe/go-internal v1.16.0
	github.com/spf13/cobra v1.10.2
	github.com/spf13/pflag v1.0.9
	go.uber.org/goleak v1.3.0
	golang.org/x/sys v0.50.0
)

require (
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	golang.org/x/tools v0.26.0 // indirect
)

replace github.com/hale-go/hale => ../../
