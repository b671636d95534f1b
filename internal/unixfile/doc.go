// Package unixfile deals with the files of Unix sockets, which outlive those who listened.
package unixfile
