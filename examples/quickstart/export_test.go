package main

// Run is what main runs.
var Run = run
