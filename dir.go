package hale

// WithDir sets the folder in which the runtime keeps what outlives the process:
// the recording of what its loop decided from, in the folder recording of it, at
// most 64 MB. It is made with mode 0700 if it is not there. One that cannot be
// written to gives a [*ConfigError]. Default: nothing is kept on disk.
func WithDir(dir string) Option { return func(o *options) { o.dir = dir } }
