// Package chaos finds out whether package flow keeps its word when everything around it fails: the
// replica dies between any two steps, or is stopped for longer than its leases and goes on; clocks
// differ; the store fails with its work done, or not, falls silent, or does its work when nobody
// waits for it any more; Klarna's answers are lost, cut, late, errors or conflicts for minutes;
// reports and policies hang, panic or end their goroutine; webhooks are lost, late, out of order and
// repeated; clients repeat themselves on other replicas, or go away.
//
// A Coordinator has five ways out: its Store, its HTTP transport, its report, its amount policy and
// its function of clients. Here all of them lead through one gate, life.step, which counts them. At
// a given step, before it or after it, the life ends: from then on every step of it fails and does
// nothing, so that whatever the code still does has no effect, as with a process that was killed.
// Then another Coordinator on the same Store takes over.
//
// EveryStep goes through all steps of all journeys in turn, AtRandom lets thousands of purchases
// happen at once, KillAtRandom has replicas that are processes, and InTrouble gives accounts a
// trouble each and looks at how long the others wait. All end with the same check of the double's
// ledger against what the shop was told, in check.go.
//
// Everything waits in its own time: call it inside a testing/synctest bubble, where a day is a
// moment.
package chaos
