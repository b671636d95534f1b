// Package detect turns signals into findings. A [Detector] looks at one
// [observe.Turn] after the other and reports what is wrong now; the [Panel] runs
// the detectors and keeps one that misbehaves from harming the others.
//
// The built-in detectors find goroutine leaks by lifetime ([Leak]) and by count
// ([Growth]), tasks that run for longer than usual ([Overdue]) or are stuck
// or hang in run after run ([Stuck]), panics and loops of them ([PanicLoop]), pools that ran out of bodies to
// abandon ([Abandoned]), operations that fail more often than usual, with where
// their errors begin ([ErrorRate]), error budgets that are used up too fast
// ([BurnRate]), operations that are slow ([Latency]), become slower over hours
// ([Creep]), take requests and finish none ([Stalled]) or leave spans open ([Spans]),
// resources that are used up ([Saturation]) or will be ([Exhaustion]), bursts of log
// records that match a pattern ([LogPattern]), storms and silence ([LogVolume]), forms
// of records that are new or have vanished ([LogForm]), and metrics that do what they
// never did ([Anomaly]). Each can be used without the rest of hale: feed it turns, read its
// findings. One that learns what is usual may be a [Learner].
package detect
