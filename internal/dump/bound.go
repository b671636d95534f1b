package dump

// The bounds of what is kept, so that no input takes much memory: a [Parser] holds at
// most MaxBytes of a crash and its head, the goroutine that is being read, a line, and 2 MB
// of names. They are far above what Go prints, but for the goroutines of a large service.
const (
	MaxLine       = 64 << 10 // MaxLine is the length of a line in bytes; the rest of a longer one is dropped.
	MaxName       = 4 << 10  // MaxName is the length in bytes of a function, file, state or label; what is longer is cut.
	MaxMessage    = 16 << 10 // MaxMessage is the length in bytes of a panic's text; what is longer is cut.
	MaxFrames     = 256      // MaxFrames is the number of frames of a stack. Go prints 100 and those of C code.
	MaxAncestors  = 32       // MaxAncestors is the number of ancestors of a goroutine.
	MaxLabels     = 64       // MaxLabels is the number of labels of a goroutine.
	MaxNested     = 16       // MaxNested is the number of panics that follow the first one, and of notes.
	MaxGoroutines = 1024     // MaxGoroutines is the number of goroutines of a crash, those at fault first.
	MaxBytes      = 8 << 20  // MaxBytes is the size of the goroutines of a crash.
	MaxStack      = 1 << 20  // MaxStack is the size in bytes of the frames of one goroutine with its ancestors.
	MaxOthers     = 64       // MaxOthers is the number of other lines in a row that may lie within a dump; after more, it is over.
)
