package main

// Main is the command, for scripts to call.
func Main() { main() }
