// Package canary looks for secrets and personal data in what printers and encoders make of the
// library's values: each library, with the value in each place where a program can hold it. It is a
// module of its own, so that nobody who uses klarna-go inherits those libraries.
//
// Its tests compare what shows with the table in docs/secrets.md. After a change that is meant,
// write the table anew:
//
//	go test -run TestTheTableIsWhatShows -update .
package canary
