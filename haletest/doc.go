// Package haletest helps to test what is used with hale, and what is run under
// it:
//
//   - [Detector], [Remedy] and [Store] are conformance tests. They check the
//     contracts that are written on [detect.Detector], [heal.Remedy] and
//     [checkpoint.Store], in the manner of testing/slogtest.
//   - [Run] runs a test's code under a [hale.Runtime] whose loop runs in a
//     testing/synctest bubble: time is fake, so minutes of detection and healing
//     pass in milliseconds.
//   - [NoLeaks] fails a test that leaves goroutines behind, and names the task,
//     the entry function and the place where each is blocked. It is exact in
//     parallel tests too.
//
// It is for test files only. It imports nothing but hale and the standard
// library.
package haletest
