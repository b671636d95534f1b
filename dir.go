package hale

// WithDir sets the folder in which the runtime keeps what outlives the process:
//
//   - recording: what its loop decided from, at most 64 MB, which
//     [observe.ReadRecording] reads and [Replay] replays;
//   - baselines.json: what detectors learned of each name, so that a fresh process
//     does not learn it again.
//
// It holds the names of tasks, request IDs and the texts of panics. The folder is
// made with mode 0700 if it is not there, and files have mode 0600. One that
// cannot be written to gives a [*ConfigError]; a disk that fails later costs only
// what it does not keep, and gives an event and a log record. A turn of the loop
// takes about 50 µs more for it, and the process 1 MB of memory. Default: nothing
// is kept on disk, which "" asks for too.
//
// Processes may share a folder for their recordings, which stand side by side, but
// not for their baselines: the last to write wins. A file of baselines that cannot be used is renamed
// to baselines.json.aside-1 and so on, for a person to look at; when there are 100 of
// them, no more are kept until they are cleared away.
func WithDir(dir string) Option { return func(o *options) { o.dir = dir } }
