// Package haleprom gives hale's metrics to Prometheus and to expvar, and a service's
// own metrics to hale.
//
// [Register] puts a collector on the service's own registerer. It reads the runtime
// when it is scraped: there is no goroutine, and nothing is kept but what counters and
// summaries need. Operations, domains and their walls are as of the scrape; tasks, pools, resources and
// incidents as of the last turn of the loop, which is a second ago at most. What is not
// known has no series; but for what is said below there are no zeros in its place.
//
// # Names
//
// All names begin with hale_ (see [WithPrefix]). Four are those that guides to Go
// services use, and are without the prefix by [WithGuideNames]:
//
//	hale_http_requests_total{path,method,status}
//	hale_http_request_duration_seconds{path,method}    histogram
//	hale_active_business_goroutines                    live tasks, and busy workers of pools
//	hale_business_logic_errors_total{error_type}       see hale.ReportError
//
// An HTTP request is a span of an operation of the kind server whose name is a method
// and a pattern, such as "GET /orders/{id}" or "GET (unmatched)", as package halehttp
// names them. Its status is its outcome: a number, or a word such as "canceled".
// Docs of the others are in their help texts. Of what the loop hears and says there are
//
//	hale_log_records_total{level,domain}      debug, info, warn, error or fatal
//	hale_findings_total{kind,confidence}      suspected or confirmed
//	hale_degraded_level{name}                 of what is degraded, 1 to 9
//	hale_unhealthy_parts{name}                parts of a kind that say they are not well
//
// whose levels and built-in kinds are there from the start, so that the first of each is
// seen as a rise. They tell at most 101 domains apart and at most 101 kinds that were
// told. Of fault domains that are declared, and of the names that are called behind their
// walls (see [hale.Call]), there are
//
//	hale_domain_limit{domain}                 calls at once, where there is a bulkhead
//	hale_domain_in_use{domain}                calls now
//	hale_domain_waiting{domain}               calls that wait for room now
//	hale_domain_lost{domain}                  bodies that were given up and are not back
//	hale_domain_refused_total{domain,reason}  full, rate_limited or shed
//	hale_breaker_state{name,domain}           0 closed, 1 half-open, 2 open
//	hale_breaker_opened_total{name,domain}    times, where there is a breaker
//	hale_call_refused_total{name,reason}      open or quarantined
//	hale_call_retries_total{name}             tries after the first
//	hale_call_fallbacks_total{name}           calls that a fallback answered
//	hale_call_timeouts_total{name}            tries whose callers could wait no longer
//
// A detector that was disabled for overrunning its turn or for panics is told by the event and the
// log record "detector.disabled" and has no metric; while its goroutine hangs, that is one of
// hale_overrun_goroutines.
//
// How many calls there were and how long they took is in the metrics of the operation of
// that name.
//
// # Bounds
//
// A metric has at most 1000 sets of labels. What comes later than the first 1000 is
// added together: its labels are all "other". A histogram is one set; it has a sample
// for each bucket.
//
// # Exemplars
//
// Buckets of the duration histograms have the trace of one of the requests in them,
// where there is a trace that somebody keeps; see [hale.Runtime.Exemplars]. They are
// shown in the OpenMetrics format only: give promhttp.HandlerOpts{EnableOpenMetrics:
// true}, and Prometheus --enable-feature=exemplar-storage.
//
// # Side effects
//
// This package has none when it is imported. The Prometheus client imports expvar,
// which puts /debug/vars on [net/http.DefaultServeMux].
package haleprom
