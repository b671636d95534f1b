package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/goccy/go-yaml/ast"

	"github.com/hale-go/hale"
)

// maxBytes is how large a file may be.
const maxBytes = 1 << 20

// Load reads the settings in a file, as [Decode] does. The file may be a symbolic link;
// it must be a regular file of at most 1 MB.
func Load(path string) (hale.Config, error) {
	data, err := read(path)
	if err != nil {
		return hale.Config{}, err
	}
	return Decode(path, data)
}

// Decode reads settings from data, which may be empty: then all are the defaults. The
// name stands for the file in errors. The settings are as written: what is not there is
// zero and gets its default by [hale.New] or [hale.Runtime.Reconfigure].
//
// What cannot be used is refused with a [*Error]: a key that there is not or that is
// there twice, a value of another type, a duration without a unit, a value that
// [hale.Config.Check] refuses, an anchor, an alias, a tag, a second document. Where
// there are several such mistakes they are joined, at most 20; those that only Check
// finds come one at a time.
func Decode(name string, data []byte) (hale.Config, error) {
	c, _, err := decode(name, data)
	return c, err
}

// decode is Decode, with what tells where things stand in the file.
func decode(name string, data []byte) (hale.Config, *document, error) {
	doc, err := parse(name, data)
	if err != nil {
		return hale.Config{}, nil, err
	}
	var c hale.Config
	if err := doc.into(&c); err != nil {
		return hale.Config{}, nil, err
	}
	if err := c.Check(); err != nil {
		return hale.Config{}, nil, doc.locate(err)
	}
	return c, doc, nil
}

// document is a file that was parsed.
type document struct {
	name string
	body ast.Node // nil: it is empty
}

// fault returns a mistake at a place of the document.
func (d *document) fault(p place, path path, value any, err error, mend string) *Error {
	return &Error{File: d.name, Line: p.line, Column: p.column, Path: path.String(), Value: value, Err: err, Mend: mend}
}

var errFolder = errors.New("it is a folder")

// read returns what is in a file.
func read(path string) ([]byte, error) {
	bad := func(err error, mend string) error {
		if at, ok := errors.AsType[*fs.PathError](err); ok { // its path stands before it already
			err = said{at.Op + ": " + at.Err.Error(), err}
		}
		return &Error{File: path, Err: err, Mend: mend}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, bad(err, "make the file, an empty one for the defaults, or give the path of another")
	case err != nil:
		return nil, bad(err, "make the file readable for this process")
	case info.IsDir():
		return nil, bad(errFolder, "give the path of the file in it")
	case !info.Mode().IsRegular(): // a pipe may never end
		return nil, bad(errors.New("it is no regular file"), "give the path of a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, bad(err, "make the file readable for this process")
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(f, maxBytes+1)); err != nil {
		return nil, bad(err, "make the file readable for this process")
	}
	return b.Bytes(), nil
}

// tooLarge tells of a file with more than maxBytes.
func tooLarge(name string) error {
	return &Error{File: name, Err: fmt.Errorf("it has more than %d bytes", maxBytes), Mend: "give the file of settings; settings for thousands of domains take less"}
}
