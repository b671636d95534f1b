// Command handover is a small service under "hale run", and what breaks it:
//
//	hale run -- handover serve     # the service
//	handover chaos -hale PATH      # breaks it under load, and counts what clients lose
//
// "make run-chaos" does the second. The service asks for its listening socket by package
// process, says when it is ready and alive, and drains before it ends. So a successor
// takes over without a lost request, and a crash or a hang costs what was under way.
package main
