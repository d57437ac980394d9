// Package wire encodes and decodes all JSON of the module. No other package imports the JSON
// module.
//
// JSON from others is read liberally: see [Reader]. JSON that is sent is written strictly, and the
// same value gives the same bytes: see [Writer]. The types of the API packages encode and decode
// themselves with code that internal/wiregen generates from their struct tags.
package wire
