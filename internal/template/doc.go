// Package template finds the message behind a log line. Lines that one statement
// of a program wrote are the same but for their values; a [Miner] tells which
// values these are, without configuration, and gives each line the ID of its
// template:
//
//	accepted connection from 10.0.0.7:41722 in 3 ms
//	accepted connection from <*> in <*>
//
// It works in two steps. A masker reads the line once and takes out what is a
// value by its looks: what has a digit (numbers, UUIDs, addresses, times),
// paths, URLs, long hexadecimal words, host:port and file:line, key=value,
// quoted values behind an equals sign, dates and units beside a number; lists of
// values count as one. What is left is hashed, and the hash has a template or is
// new. Only a new form is compared with those of the same shape: when enough
// lines that differ in one word have been seen, that word is a value too, and
// their templates become one.
//
// Masking before the search is known from Drain3 and others, and the search by
// likeness from Drain (He et al., "Drain: An Online Log Parsing Approach with
// Fixed Depth Tree", ICWS 2017). Here no tree is needed, since nearly all lines
// end at the hash.
package template
