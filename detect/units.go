package detect

// What the levels of the built-in detectors' findings count; see [Finding].
const (
	inGoroutines  = "goroutines"
	inTasks       = "tasks"
	inBodies      = "abandoned bodies"
	inSpans       = "spans"
	inPanics      = "panics"
	inHangs       = "hangs"
	inFailures    = "failures"
	inOperations  = "operations"
	inRecords     = "records" // too many or too few in ten seconds, or so far
	inBreakers    = "open breakers"
	inParts       = "unhealthy parts"
	inRefusedRate = "refused calls a second"
	inErrors      = "errors a minute"
	inPercent     = "%"
	inTimes       = "times" // of the limit, or of what was before
)
