// Package operation describes the operations of Klarna's API as data: their routes, the members of
// an answer that decide what it means, and the members that show whose answer it is.
//
// Package klarna holds every answer to it. The table in docs/answers.md is made from it.
package operation

import (
	"strings"

	"github.com/klarna-go/klarna-go/internal/wire"
)

// Operation is one call of Klarna's API.
type Operation struct {
	// Name is the operation's name in errors and logs. Idempotency keys are derived from it, so it
	// must never change.
	Name   string
	Method string
	// Route is the path after the version and the account, with placeholders.
	Route string

	// Content says whether a successful answer has a body.
	Content Content
	// Decides are the members of a successful answer that decide what it means. Each must be there
	// and fit, once, or the answer is an error that names it. Every other member of an unexpected
	// type is kept as an unknown one.
	Decides []Member
	// Single are members that decide later, such as the amount of an approval. Each must not be
	// repeated.
	Single []Member
	// Excludes are members that contradict the result of the answer they stand in.
	Excludes []Member
	// Links are members that a customer or a customer's browser follows. Each is https or leads to
	// this machine.
	Links []Member

	// ID is the member that repeats the last id of the route. It must be that id wherever it is
	// there; where it is also among Decides, it must be there. Where the idempotency key may have been
	// sent before and the answer repeats no reference, it confirms whose answer it is.
	ID string
	// References are the caller's references that the answer repeats. They are evidence of whose
	// answer it is, beside the Partner-Correlation-Id that every answer repeats.
	References []Reference
}

// Or divides the paths of alternatives, of which one is enough.
const Or = " or "

// Member is a member of an answer.
type Member struct {
	// Path is the JSON path; "[]" stands for each element of a list. Alternatives are divided by Or.
	Path string
	// Optional members may be missing. One that is there must fit.
	Optional bool
	// When is the condition under which the member counts; the zero Condition always holds.
	When Condition
}

// Condition holds where the member at Path is one of Values, compared without regard to case, or,
// with Not, none of them.
type Condition struct {
	Path   string
	Values []string
	Not    bool
}

// Reference is a reference of the caller's: where it is sent and where the answer repeats it.
type Reference struct{ Sent, Answered string }

// Content says whether a successful answer has a body.
type Content int

const (
	// Some is a body with at least what decides.
	Some Content = iota
	// Any is a body that Klarna's documentation does not describe, or none.
	Any
	// None is no body. One that comes is not read.
	None
)

// Event is a family of events.
type Event struct {
	// Family is what the types of its events begin with; "" is the envelope of every event.
	Family string
	// Decides are the members of the payload, or of the envelope, that decide.
	Decides []Member
}

// CheckEvent returns why the payload of an event of a family, or its envelope, cannot be used, nil
// if it can.
func CheckEvent(family string, payload any, misfits []wire.Misfit) error {
	for i := range Events {
		if Events[i].Family == family {
			return asError(membersProblems(nil, Events[i].Decides, payload, misfits))
		}
	}
	return nil
}

// Lists reports whether the answer is a list. An empty one says that something does not exist, so
// an error beside it is not overlooked.
func (o *Operation) Lists() bool {
	for _, m := range o.Decides {
		if strings.Contains(m.Path, "[]") {
			return true
		}
	}
	return false
}

// Of returns the operation of that name, nil where there is none.
func Of(name string) *Operation { return byName[name] }

var byName = func() map[string]*Operation {
	m := make(map[string]*Operation, len(All))
	for i := range All {
		m[All[i].Name] = &All[i]
	}
	return m
}()
