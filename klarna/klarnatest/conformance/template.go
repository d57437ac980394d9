package conformance

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// vars are the variables of a case: those of the target, those captured from answers, and generated
// ones. "${name}" in a case's text stands for one. A name that begins with "new." is a fresh UUID,
// and one with "hex." a UUID without hyphens. Both keep their value within a case.
type vars map[string]any

func (v vars) text(name string) string {
	s, _ := v[name].(string)
	return s
}

func (v vars) value(name string) (any, error) {
	if known, ok := v[name]; ok {
		return known, nil
	}
	fresh := uuid.NewString()
	switch {
	case strings.HasPrefix(name, "new."):
	case strings.HasPrefix(name, "hex."):
		fresh = strings.ReplaceAll(fresh, "-", "")
	default:
		return nil, fmt.Errorf("the variable %s is unknown", name)
	}
	v[name] = fresh
	return fresh, nil
}

// expand replaces the variables in a text by their values, escaped for their context. It does not
// expand a value again, because the host sent it.
func (v vars) expand(text string, escape func(string) (string, error)) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", errors.New("a variable is not closed")
		}
		value, err := v.value(name)
		if err != nil {
			return "", err
		}
		s, ok := value.(string)
		if !ok {
			return "", fmt.Errorf("the variable %s is not a string", name)
		}
		if s, err = escape(s); err != nil {
			return "", fmt.Errorf("the variable %s: %w", name, err)
		}
		b.WriteString(s)
		text = after
	}
}

func verbatim(s string) (string, error) { return s, nil }

func inQuery(s string) (string, error) { return url.QueryEscape(s), nil }

// inPath refuses a value that would change the path. Colons are not escaped.
func inPath(s string) (string, error) {
	if s == "" || s == "." || s == ".." {
		return "", errors.New("is not an id that fits in a path")
	}
	return url.PathEscape(s), nil
}

// fill expands every text of a JSON value. A text that consists of one variable becomes the
// variable's value, of any type.
func (v vars) fill(value any) (any, error) {
	switch x := value.(type) {
	case string:
		if name, ok := strings.CutPrefix(x, "${"); ok && strings.IndexByte(name, '}') == len(name)-1 {
			return v.value(strings.TrimSuffix(name, "}"))
		}
		return v.expand(x, verbatim)
	case object:
		filled := object{}
		for name, member := range x {
			var err error
			if filled[name], err = v.fill(member); err != nil {
				return nil, err
			}
		}
		return filled, nil
	case list:
		filled := list{}
		for _, element := range x {
			e, err := v.fill(element)
			if err != nil {
				return nil, err
			}
			filled = append(filled, e)
		}
		return filled, nil
	}
	return value, nil
}

func (v vars) clone() vars { return maps.Clone(v) }
