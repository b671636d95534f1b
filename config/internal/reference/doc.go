// Package reference writes docs/config.md, the list of all settings, from the comments
// of the structs that hold them. A test of package config fails while the file is not
// what this package writes; go generate in the folder of config writes it anew.
package reference
