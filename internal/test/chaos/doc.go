// Package chaos finds out whether package flow keeps its word when everything around it fails: the
// replica dies between any two steps, or falls asleep and wakes up late; the store fails with its
// work done, or not; Klarna's answers are lost, cut, late or errors; webhooks are lost, late, out
// of order and repeated; clients repeat themselves on other replicas, or go away.
//
// A Coordinator has three ways out: its Store, its HTTP transport and its report. Here all three
// lead through one gate, incarnation.step, which counts them. At a given step, before it or after
// it, the incarnation ends: from then on every step of it fails and does nothing, so that whatever
// the code still does has no effect, as with a process that was killed. Then another Coordinator on
// the same Store takes over.
//
// EveryStep goes through all steps of all journeys in turn, AtRandom lets thousands of purchases
// happen at once. Both end with the same check of the double's ledger against what clients were
// told, in check.go.
//
// Everything waits in its own time: call it inside a testing/synctest bubble, where a day is a
// moment.
package chaos
