// Package anomaly scores the points of one series as they come: how far is this
// point from anything that the series did before?
//
// A [Scorer] keeps, for a handful of views of the series, the range of values
// that it has seen, and scores what falls outside. The views are:
//
//   - the level, smoothed over 1, 4, 16 and 64 points, so that both a spike of one
//     point and a small shift that stays are outside of something;
//   - the distance from the usual level at that hour of the day, smoothed in the
//     same way, weighted by how much of the series the hour explains; it takes a
//     day to know;
//   - the activity (mean step from point to point), on a logarithmic scale, which
//     finds a flat line and a change of variance.
//
// A range forgets an edge that the series does not come back to, and keeps one
// that it visits often: stationary noise settles, a single spike does not blind
// the scorer for good. An edge that moves all the time (a trend) counts less. The
// score is the novelty of all views, added up over about ten points, since a fault
// lasts and the record of a noise does not. It has no unit, does not depend on
// that of the series, and [Threshold] is the same for every series.
//
// [Alarm] turns scores into the beginnings of anomalies.
//
// # Sources
//
// That a value outside of the range seen so far is an anomaly by itself is the
// "spatial anomaly" of Numenta's HTM detector for its benchmark, there with a fixed
// tolerance, for the raw value, and without forgetting. Adding up over several points is the cumulative sum of E. S. Page
// (Continuous inspection schemes, Biometrika 1954) with a leak. Smoothing at
// several scales at once is the Haar-like ladder of multi-scale change detection.
// Weighing the daily profile by the share of the series that it explains is a
// coefficient of determination, kept as two moving averages. Two thresholds with a
// gap between them, for the beginning and the end, are a Schmitt trigger. The
// scores of the benchmark are described by A. Lavin and S. Ahmad (Evaluating
// real-time anomaly detection algorithms, ICMLA 2015); the program bench/nab in
// the module bench measures this package with them.
package anomaly
