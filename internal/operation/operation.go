// Package operation describes the operations of Klarna's API as data: their routes, the members of
// an answer that decide what it means, and the members that show to which request it belongs.
//
// Package klarna checks every answer against this data. The table in docs/answers.md is generated
// from it.
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
	// Decides are the members of a successful answer that decide what it means. Each must be
	// present exactly once and must fit; otherwise the answer is an error that names it. Every
	// other member of an unexpected type is kept as an unknown one.
	Decides []Member
	// Single are members that decide later, such as the amount of an approval. They must not be
	// repeated. Of alternatives, only the one that is used counts.
	Single []Member
	// Excludes are members that contradict the result of their answer.
	Excludes []Member
	// Links are members that a customer or a customer's browser follows. Each must be https or lead
	// to loopback.
	Links []Member

	// ID is the member that repeats the last id of the route. If it is present, it must be that id;
	// if it is also in Decides, it must be present. If the idempotency key may have been sent
	// before and the answer repeats no reference, ID confirms that the answer belongs to the
	// request.
	ID string
	// References are the caller's references that the answer repeats. Like the
	// Partner-Correlation-Id, which every answer repeats, they show to which request the answer
	// belongs.
	References []Reference
}

// Or separates the paths of alternatives, of which one is enough.
const Or = " or "

// Member is a member of an answer.
type Member struct {
	// Path is the JSON path; "[]" stands for each element of a list. Or separates alternatives.
	Path string
	// Optional members may be missing. If one is present, it must fit.
	Optional bool
	// When is the condition under which the member counts; the zero Condition always holds.
	When Condition
}

// Condition holds if the member at Path is one of Values, compared without regard to case. With
// Not, it holds if the member is none of them.
type Condition struct {
	Path   string
	Values []string
	Not    bool
}

// Reference is a reference of the caller's: the member that sends it and the member of the answer
// that repeats it.
type Reference struct{ Sent, Answered string }

// Content says whether a successful answer has a body.
type Content int

const (
	// Some is a body with at least the members that decide.
	Some Content = iota
	// Any is no body, or a body that Klarna's documentation does not describe.
	Any
	// None is no body. If the answer has one, it is not read.
	None
)

// Event is a family of events.
type Event struct {
	// Family is the prefix of the types of its events; "" is the envelope of every event.
	Family string
	// Decides are the members of the payload, or of the envelope, that decide what the event means.
	Decides []Member
}

// CheckEvent checks the payload of an event of a family, or its envelope. It returns an error if
// the payload cannot be used.
func CheckEvent(family string, payload any, misfits []wire.Misfit) error {
	for i := range Events {
		if Events[i].Family == family {
			return asError(membersProblems(nil, Events[i].Decides, payload, misfits))
		}
	}
	return nil
}

// Lists reports whether the answer is a list. An empty list means that something does not exist, so
// an error in the same answer must not be overlooked.
func (o *Operation) Lists() bool {
	for _, m := range o.Decides {
		if strings.Contains(m.Path, "[]") {
			return true
		}
	}
	return false
}

// Of returns the operation with that name, or nil if no such operation exists.
func Of(name string) *Operation { return byName[name] }

var byName = func() map[string]*Operation {
	m := make(map[string]*Operation, len(All))
	for i := range All {
		m[All[i].Name] = &All[i]
	}
	return m
}()
