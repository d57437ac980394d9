// Package roundtrip checks that the wire types of a package survive JSON. A test of the package
// lists its types and calls [Check], and [CheckSent] for those that are sent.
//
// The test must run in the directory of the package, as go test does, because this package reads
// the source to find missing wire types.
package roundtrip
