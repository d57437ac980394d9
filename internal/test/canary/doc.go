// Package canary searches for secrets and personal data in the output of printers and encoders for
// the module's values. It tries each library, with the value in each place where a program can hold
// it. It is a module of its own, so that users of klarna-go do not inherit those libraries.
//
// Its tests compare what shows with the table in docs/secrets.md. After an intended change, write a
// new table:
//
//	go test -run TestTableListsWhatShows -update .
package canary
