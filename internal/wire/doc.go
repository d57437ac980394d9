// Package wire is the one place that encodes and decodes JSON, and the only importer of the JSON
// module.
//
// What others send is read liberally: see Reader. What is sent is written strictly and always as
// the same bytes: see Writer. The types of the API packages read and write themselves with code
// that internal/wiregen writes from their struct tags.
package wire
