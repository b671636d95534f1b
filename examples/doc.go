// Package examples holds programs that show hale at work, each in a folder of
// its own. The largest, shop, is a small web shop in which faults can be set
// off; "make demo" runs it.
package examples
