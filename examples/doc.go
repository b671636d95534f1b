// Package examples holds programs that show hale at work, each in a folder of
// its own. The smallest, quickstart, is the main.go of the README; its test also
// checks that all other code in the README compiles. The largest, shop, is a small
// web shop in which faults can be set off; "make demo" runs it. Healthy is a
// service with nothing wrong with it, which hale must not accuse; leaks and pools
// run it with a zoo of leaks and with other people's connection pools in it, and
// soak runs it for hours. Domains is a service with two fault domains, one with a
// fallback and one that answers with less when it is full. Traces is two services
// whose spans go to a collector of OpenTelemetry's. Trial is how their tests run hale
// and hear what it says.
package examples
