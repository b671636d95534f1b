package main

// What the tests run.
var (
	Settings = settings
	Routes   = routes
)
