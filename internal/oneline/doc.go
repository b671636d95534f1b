// Package oneline makes one line of texts that come from elsewhere.
package oneline
