// Package recoclient stands for somebody else's client of a recommendations
// service: a library that the shop uses and does not know from within. Like
// many of its kind it starts goroutines of its own, and like some it has a bug
// there, which shows only with one of its features switched on.
package recoclient
