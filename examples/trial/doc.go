// Package trial runs hale for the length of a test, with settings that are as
// harsh as they get, and hears all that it says.
package trial
