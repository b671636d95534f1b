package main

// What the tests check.
var (
	Judge    = judge
	Trend    = trend
	Middle   = middle
	OwnerOf  = ownerOf
	OfHale   = ofHale
	OnlyHale = onlyHale
	Scaled   = scaled
	Measure  = measure
)

// Owner says whose code a function is.
type Owner = owner

// The owners and times that the tests name.
const (
	Library     = library
	HalesOwn    = halesOwn
	Others      = others
	SampleEvery = sampleEvery
	MaxWarmUp   = maxWarmUp
)
