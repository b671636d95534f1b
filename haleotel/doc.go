// Package haleotel ties hale to OpenTelemetry, out and in.
//
// Out: [NewTracer] makes a [hale.Tracer] for [hale.WithTracer]. Each span of hale's
// and each task is then a span of OpenTelemetry's too, trace context and baggage go
// along with requests, and log records and [hale.TraceOf] tell OpenTelemetry's IDs,
// also those of spans that a service or a library makes by itself. It costs about
// as much again as the spans of the OpenTelemetry SDK do by themselves.
//
// In: [NewSpanProcessor] makes a processor for the OpenTelemetry SDK, by which hale
// measures the spans that other instrumentation makes (otelhttp, otelgrpc, otelsql,
// the service's own) as it measures its own: latency, errors and where they began,
// whose time it was, what is still in flight. It sees only what is recorded: a
// sampler that drops most traces leaves hale with a sample of them. Where all is to
// be measured, let the sampler answer RecordOnly instead of Drop.
//
// Both may be used at once: what hale's own tracer makes is not counted twice.
//
// No global of OpenTelemetry's is read or set. Whoever uses those passes
// otel.GetTracerProvider().
package haleotel
