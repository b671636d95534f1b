package checkpoint

import (
	"fmt"
	"math"
)

// defaultMaxSize is how large a state may be unless told otherwise.
const defaultMaxSize = 1 << 20

// Option changes how [Resume] reads and writes a state. See [Version], [Migrate] and
// [MaxSize].
type Option func(*options)

type options struct {
	version int
	migrate func(version int, state []byte) ([]byte, error)
	maxSize int
}

// Version says which version of the state's type this code has. Raise it with each change
// that older code would misread. Records of a higher version are set aside and not touched
// otherwise; those of a lower one need [Migrate]. Default: 0. It is at most 2147483647.
func Version(n int) Option { return func(o *options) { o.version = n } }

// Migrate says how a state of an older version becomes one of the current: f gets the
// version and the encoded state, JSON unless its type had MarshalBinary, and returns it as
// it would be encoded now, in the same encoding. What f returns is kept when the claim next saves. When f fails
// or panics, Resume fails and leaves the record where it is, for a build with a better f.
// Default: none, and Resume fails on records of older versions.
func Migrate(f func(version int, state []byte) ([]byte, error)) Option {
	return func(o *options) { o.migrate = f }
}

// MaxSize bounds what [Claim.Save] accepts, in bytes of the encoded state. A larger one
// that is there is still read. Default: 1 MB (1048576); at most [MaxState].
func MaxSize(bytes int) Option { return func(o *options) { o.maxSize = bytes } }

func optionsOf(key string, opts []Option) (options, error) {
	o := options{maxSize: defaultMaxSize}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	refuse := func(err error, mend string) (options, error) {
		return o, &Error{Op: "resume", Key: key, Err: err, Mend: mend}
	}
	if err := checkKey(key); err != nil {
		return refuse(err, fmt.Sprintf("name the task by 1 to %d bytes of printable text", MaxKey))
	}
	if o.version < 0 || o.version > math.MaxInt32 {
		return refuse(fmt.Errorf("version %d cannot be used", o.version), "give Version a number from 0 to 2147483647")
	}
	if o.maxSize < 1 || o.maxSize > MaxState {
		return refuse(fmt.Errorf("a size of %d cannot be used", o.maxSize), fmt.Sprintf("give MaxSize a number from 1 to %d", MaxState))
	}
	return o, nil
}

// upgrade calls the user's function, and contains its panic.
func (o options) upgrade(version int, state []byte) (out []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("it panicked with %T: %.200v", v, v)
		}
	}()
	return o.migrate(version, state)
}
