package operation

import (
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klarna-go/klarna-go/internal/loopback"
	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/wire"
)

// Check checks an answer, which is a pointer to a wire type. It returns an error if the answer
// cannot be used. The error names the members and quotes only results and states of this table.
// misfits are the values that the reader of the answer omitted.
func (o *Operation) Check(answer any, misfits []wire.Misfit) error {
	problems := membersProblems(nil, o.Decides, answer, misfits)
	for i := range o.Decides {
		if m := &o.Decides[i]; m.When.holds(answer) {
			problems = replacedProblems(problems, m.Path, answer)
		}
	}
	if len(misfits) > 0 {
		problems = o.repeatedProblems(problems, answer, misfits)
	}
	for _, m := range o.Excludes {
		if m.When.holds(answer) && isPresent(answer, m.Path, misfits) {
			problems = append(problems, m.When.Path+" is "+m.When.matched(answer)+" and there is "+m.Path)
			break
		}
	}
	for _, m := range o.Links {
		if m.When.holds(answer) && !isLink(wire.TextAt(answer, m.Path)) {
			problems = append(problems, m.Path+" is neither https nor leads to this machine")
		}
	}
	return asError(problems)
}

// repeatedProblems appends the members of Single that are repeated.
func (o *Operation) repeatedProblems(problems []string, answer any, misfits []wire.Misfit) []string {
	for i := range o.Single {
		used := o.Single[i].used(answer)
		for j := range misfits {
			if !misfits[j].Repeated {
				continue
			}
			for path := range strings.SplitSeq(used, Or) {
				if !leadsTo(misfits[j].Path, path) {
					continue
				}
				if problem := misfitProblem(&misfits[j]); !slices.Contains(problems, problem) {
					problems = append(problems, problem)
				}
			}
		}
	}
	return problems
}

// CheckApproval checks a completed payment request, which is a pointer to a wire type. It returns
// an error if the payment request does not say what its customer approved.
func CheckApproval(request any, misfits []wire.Misfit) error {
	problems := membersProblems(nil, Approval, request, misfits)
	for _, m := range Approval {
		problems = replacedProblems(problems, m.used(request), request)
	}
	return asError(problems)
}

func asError(problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(problems, "; "))
}

// membersProblems appends the problems of members.
func membersProblems(problems []string, members []Member, answer any, misfits []wire.Misfit) []string {
	for i := range members {
		m := &members[i]
		if !m.When.holds(answer) {
			continue
		}
		if problem := m.problem(answer, misfits); problem != "" {
			problem += m.When.because()
			if !slices.Contains(problems, problem) {
				problems = append(problems, problem)
			}
		}
	}
	return problems
}

// problem describes what is wrong with the member, "" if nothing is. One alternative that fits is
// enough.
func (m *Member) problem(answer any, misfits []wire.Misfit) string {
	var first string
	var unfit []string
	for path := range strings.SplitSeq(m.Path, Or) {
		problem, isMisfit := pathProblem(path, m.Optional, answer, misfits)
		switch {
		case problem == "":
			return ""
		case isMisfit && !slices.Contains(unfit, problem):
			unfit = append(unfit, problem)
		case first == "":
			first = problem
		}
	}
	if len(unfit) > 0 {
		return strings.Join(unfit, " and ")
	}
	return first
}

// used returns the first alternative that is present, which is the one that is used. If none is, it
// returns all of them.
func (m *Member) used(answer any) string {
	for path := range strings.SplitSeq(m.Path, Or) {
		if isThere(answer, path) {
			return path
		}
	}
	return m.Path
}

func pathProblem(path string, optional bool, answer any, misfits []wire.Misfit) (problem string, isMisfit bool) {
	for i := range misfits {
		if !leadsTo(misfits[i].Path, path) {
			continue
		}
		if misfits[i].Path == path && !misfits[i].Repeated && misfits[i].Found == "an array" && isList(answer, path) {
			return path + "[] does not have the expected type", true
		}
		return misfitProblem(&misfits[i]), true
	}
	if optional {
		return "", false
	}
	if isThere(answer, path) {
		return "", false
	}
	return path + " is missing", false
}

// isList reports whether the member at a path is a list.
func isList(answer any, path string) (list bool) {
	wire.Lookup(answer, path, func(v reflect.Value) { list = v.IsValid() && v.Kind() == reflect.Slice })
	return list
}

// isThere reports whether each value at a path is present.
func isThere(answer any, path string) bool {
	if !strings.Contains(path, "[]") {
		return wire.IsThere(wire.At(answer, path))
	}
	there := true
	wire.Lookup(answer, path, func(v reflect.Value) { there = there && wire.IsThere(v) })
	return there
}

func misfitProblem(m *wire.Misfit) string {
	if m.Repeated {
		return m.Path + " is there more than once"
	}
	return m.Path + " is " + m.Found
}

// replacedProblems appends the members at a path whose text was not UTF-8, because replacement
// characters change an id or a token.
func replacedProblems(problems []string, path string, answer any) []string {
	for path := range strings.SplitSeq(path, Or) {
		broken := false
		if strings.Contains(path, "[]") {
			wire.Lookup(answer, path, func(v reflect.Value) { broken = broken || isBroken(v) })
		} else {
			broken = isBroken(wire.At(answer, path))
		}
		if broken {
			problems = append(problems, path+" is not valid UTF-8")
		}
	}
	return problems
}

func isBroken(v reflect.Value) bool {
	text := ""
	switch {
	case !v.IsValid():
	case v.Kind() == reflect.String:
		text = v.String()
	default:
		if secret, ok := reflect.TypeAssert[redact.Secret](v); ok {
			text = secret.Reveal()
		}
	}
	return strings.ContainsRune(text, utf8.RuneError)
}

// isPresent reports whether a value exists at a path, even if it does not fit.
func isPresent(answer any, path string, misfits []wire.Misfit) bool {
	v := wire.At(answer, path)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	present := wire.IsThere(v)
	for i := range misfits {
		present = present || misfits[i].Path == path
	}
	return present
}

// leadsTo reports whether the value at misfit is the member at path, or an object or a list that
// contains it.
func leadsTo(misfit, path string) bool {
	if misfit == "" {
		return false
	}
	for misfit != "" {
		found, deeper, _ := strings.Cut(misfit, ".")
		name, rest, _ := strings.Cut(path, ".")
		found, _, _ = strings.Cut(found, "[")
		if found != strings.TrimSuffix(name, "[]") {
			return false
		}
		misfit, path = deeper, rest
	}
	return true
}

func (c *Condition) holds(answer any) bool {
	return c.Path == "" || (c.matched(answer) != "") != c.Not
}

// matched returns the element of Values that the member equals, or "".
func (c *Condition) matched(answer any) string {
	value := wire.TextAt(answer, c.Path)
	for _, v := range c.Values {
		if strings.EqualFold(v, value) {
			return v
		}
	}
	return ""
}

// because describes why a member counts.
func (c *Condition) because() string {
	if c.Path == "" || c.Not {
		return ""
	}
	return ", while " + c.Path + " is " + strings.Join(c.Values, " or ")
}

// isLink reports whether a customer may be sent to a URL. An empty text is allowed.
func isLink(text string) bool {
	if text == "" || isPlain(text) {
		return true
	}
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback.Is(u.Hostname()))
}

// isPlain reports whether a text is an https URL whose host and characters need no parsing. Nearly
// all URLs are.
func isPlain(text string) bool {
	rest, ok := strings.CutPrefix(text, "https://")
	host, _, _ := strings.Cut(rest, "/")
	if !ok || host == "" {
		return false
	}
	for i := range len(rest) {
		c := rest[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.':
		case i >= len(host) && (c == '/' || c == '_' || c == '?' || c == '=' || c == '&'):
		default:
			return false
		}
	}
	return true
}
