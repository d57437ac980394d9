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

// Check returns why an answer, a pointer to a wire type, cannot be used, nil if it can. Its error
// names the members and quotes nothing but results and states of this table. misfits are what the
// answer's reader left out.
func (o *Operation) Check(answer any, misfits []wire.Misfit) error {
	problems := membersProblems(nil, o.Decides, answer, misfits)
	for i := range o.Decides {
		if m := &o.Decides[i]; m.When.holds(answer) {
			problems = replacedProblems(problems, m.Path, answer)
		}
	}
	for i := range misfits {
		for _, m := range o.Single {
			for path := range strings.SplitSeq(m.Path, Or) {
				if misfits[i].Repeated && leadsTo(misfits[i].Path, path) {
					problems = append(problems, misfitProblem(&misfits[i]))
				}
			}
		}
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

// CheckApproval returns why a completed payment request, a pointer to a wire type, does not say
// what its customer approved, nil if it does.
func CheckApproval(request any, misfits []wire.Misfit) error {
	problems := membersProblems(nil, Approval, request, misfits)
	for _, m := range Approval {
		problems = replacedProblems(problems, m.Path, request)
	}
	return asError(problems)
}

func asError(problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(problems, "; "))
}

// membersProblems appends what is wrong with members.
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

// problem is what is wrong with the member, "" if nothing is. One alternative that fits is enough.
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

// isThere reports whether each value at a path is there.
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

// replacedProblems appends the members at a path whose text was not UTF-8: what is left of an id or
// a token is another one.
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

// isPresent reports whether there is something at a path, even if it does not fit.
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

// leadsTo reports whether the value at misfit is the member at path, or an object or a list on the
// way to it.
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

// matched is the one of Values that the member is, "" for none.
func (c *Condition) matched(answer any) string {
	value := wire.TextAt(answer, c.Path)
	for _, v := range c.Values {
		if strings.EqualFold(v, value) {
			return v
		}
	}
	return ""
}

// because says why a member counts.
func (c *Condition) because() string {
	if c.Path == "" || c.Not {
		return ""
	}
	return ", while " + c.Path + " is " + strings.Join(c.Values, " or ")
}

// isLink reports whether a customer may be sent there. Where there is no URL, there is nothing to
// refuse.
func isLink(text string) bool {
	if text == "" || isPlain(text) {
		return true
	}
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback.Is(u.Hostname()))
}

// isPlain reports whether a text is an https URL of a host and characters that need no parsing, as
// nearly all are.
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
