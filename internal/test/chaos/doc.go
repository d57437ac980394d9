// Package chaos tests that package flow keeps its guarantees when everything around it fails. The
// replica dies between any two steps, or is stopped for longer than its leases and continues.
// Clocks differ. The store fails before or after it has done its work, does not answer, or does its
// work after the caller has given up. Klarna's answers are lost, cut, late, errors, or conflicts
// for minutes. Reports and policies hang, panic or end their goroutine. Webhooks are lost, late,
// out of order and repeated. Clients repeat their calls on other replicas, or leave.
//
// A Coordinator acts through its Store, its HTTP transport, its report, its amount policy and its
// function of clients. Here all of them pass through one gate, incarnation.step, which counts them.
// At a given step, before or after it, the incarnation ends. From then on every step of the
// incarnation fails and does nothing, so that what the code still does has no effect, as in a
// process that was killed. Then another Coordinator on the same Store takes over.
//
// [EveryStep] tries all steps of all journeys in turn. [AtRandom] runs thousands of purchases
// concurrently. [KillAtRandom] runs replicas that are processes. [InTrouble] gives each of some
// accounts a trouble and measures how long the others wait. All end with the same check, in
// check.go, which compares the ledger of klarnatest with the answers and reports of the replicas.
//
// Everything waits on the clock of its goroutine: call it inside a testing/synctest bubble, where a
// day passes in a moment.
package chaos
