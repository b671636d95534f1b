package main

// Main is the command, for scripts to call.
func Main() { main() }

// OpenIncidents is what --incidents opens.
var OpenIncidents = openIncidents

// MayPass is when it goes on without.
var MayPass = mayPass

// IncidentsAt returns a file that could not be opened yet.
func IncidentsAt(path string) *incidentFile { return &incidentFile{path: path} }

// Close ends a file of a test.
func (f *incidentFile) Close() error { return f.file.Close() }

// Version is what --version says of a build.
var Version = version
