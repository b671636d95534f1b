package hale

// WithDir gives the runtime a directory for what it keeps over a restart of the
// process. It is made when it does not exist. Each process needs one of its own.
// Default: nothing is kept.
func WithDir(dir string) Option { return func(o *options) { o.dir = dir } }
