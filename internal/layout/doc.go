// Package layout checks how this repository is laid out: which package imports
// which, who may import other people's modules, how long files are, what they
// are called, and that every package is documented. Its test runs [Check] over
// the repository. The reasons are in docs/design/0001-layout-and-import-direction.md.
//
// Nothing imports this package.
package layout
