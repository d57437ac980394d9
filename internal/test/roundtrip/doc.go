// Package roundtrip checks that the wire types of a package survive JSON. A test of the package
// names its types and calls Check, and CheckSent for those that are sent.
//
// It must run in the folder of the package, as go test does, because it reads the package's source
// to make sure that no wire type was forgotten.
package roundtrip
