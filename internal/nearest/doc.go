// Package nearest finds the name that a misspelt one may stand for.
package nearest
