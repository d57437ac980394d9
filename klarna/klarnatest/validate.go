package klarnatest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// problem is one parameter that failed, named by its JSON path, its header or its query parameter.
type problem struct {
	Parameter string `json:"parameter"`
	Reason    string `json:"reason"`
}

// problems collects everything wrong with a request, because Klarna reports all failing parameters
// together.
type problems []problem

// maxProblems limits the work for a body with a problem in every byte, and keeps the answer
// readable. It is the package's choice.
const maxProblems = 100

// add notes a problem once, even if two readers of a member find it.
func (p *problems) add(parameter, format string, args ...any) {
	if len(*p) >= maxProblems {
		return
	}
	if found := (problem{parameter, fmt.Sprintf(format, args...)}); !slices.Contains(*p, found) {
		*p = append(*p, found)
	}
}

// object reads the members of a JSON object and notes what is wrong with them. It replaces Go
// structures because encoding/json would accept "Amount" for "amount" and miss a client's misspelt
// name.
type object struct {
	path    string
	members map[string]json.RawMessage
	found   *problems
}

func readObject(raw []byte, found *problems) object {
	o := object{found: found}
	if json.Unmarshal(raw, &o.members) != nil || o.members == nil {
		found.add("body", "must be a JSON object")
		// Problems in the members of a missing object are not reported.
		o.members, o.found = map[string]json.RawMessage{}, new(problems)
	}
	return o
}

func (o object) at(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

// index returns the path of one element of an array.
func (o object) index(name string, i int) string { return fmt.Sprintf("%s[%d]", o.at(name), i) }

// raw returns the member as received. It returns nil if the member is absent or null.
func (o object) raw(name string) json.RawMessage {
	raw := o.members[name]
	if bytes.Equal(raw, []byte("null")) {
		return nil
	}
	return raw
}

// wrong reports whether a problem with the member was found, such as that it is missing.
func (o object) wrong(name string) bool {
	return slices.ContainsFunc(*o.found, func(p problem) bool { return p.Parameter == o.at(name) })
}

func (o object) has(name string) bool { return o.raw(name) != nil }

func (o object) need(names ...string) {
	for _, name := range names {
		if !o.has(name) {
			o.found.add(o.at(name), "is required")
		}
	}
}

// text reads a string of 1 to limit characters. It returns "" if the member is absent.
func (o object) text(name string, limit int) string {
	raw := o.raw(name)
	if raw == nil {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		o.found.add(o.at(name), "must be a string")
		return ""
	}
	if n := utf8.RuneCountInString(s); n < 1 || n > limit {
		o.found.add(o.at(name), "must have 1 to %d characters", limit)
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		o.found.add(o.at(name), "must not contain control characters")
	}
	return s
}

func (o object) choice(name string, among ...string) string {
	s := o.text(name, 255)
	if s != "" && !slices.Contains(among, s) {
		o.found.add(o.at(name), "must be one of %s", strings.Join(among, ", "))
	}
	return s
}

// stringList reads an array of one or more strings. It returns nil if the member is absent.
func (o object) stringList(name string) []string {
	raw := o.raw(name)
	if raw == nil {
		return nil
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		o.found.add(o.at(name), "must be an array of one or more strings")
	}
	return list
}

// integer reads an int64. It returns 0 if the member is absent.
func (o object) integer(name string) int64 {
	raw := o.raw(name)
	if raw == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		o.found.add(o.at(name), "must be an integer")
	}
	return n
}

// amount reads minor units, which are never negative for a payment.
func (o object) amount(name string) int64 {
	n := o.integer(name)
	if n < 0 {
		o.found.add(o.at(name), "must not be negative")
	}
	return n
}

func (o object) currency(name string) string {
	s := o.text(name, 255)
	if s != "" && !slices.Contains(currencies, s) {
		o.found.add(o.at(name), "is not a supported ISO 4217 currency")
	}
	return s
}

// object reads a nested object; ok is false if it is absent.
func (o object) object(name string) (nested object, ok bool) {
	nested = object{path: o.at(name), found: o.found}
	raw := o.raw(name)
	if raw == nil {
		return nested, false
	}
	if json.Unmarshal(raw, &nested.members) != nil {
		o.found.add(nested.path, "must be an object")
		return nested, false
	}
	return nested, true
}

func (o object) objects(name string) []object {
	raw := o.raw(name)
	if raw == nil {
		return nil
	}
	var members []map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		o.found.add(o.at(name), "must be an array of objects")
		return nil
	}
	list := make([]object, len(members))
	for i, m := range members {
		list[i] = object{path: o.index(name, i), members: m, found: o.found}
	}
	return list
}

var currencies = []string{
	"AUD", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HUF", "MXN", "NOK", "NZD", "PLN", "RON", "SEK", "USD",
}

// checkJSON refuses what encoding/json accepts or repairs: invalid UTF-8 and duplicate names.
func checkJSON(raw []byte) error {
	switch {
	case !utf8.Valid(raw):
		return errors.New("must be UTF-8")
	case !json.Valid(raw):
		return errors.New("must be JSON")
	}
	return checkNames(json.NewDecoder(bytes.NewReader(raw)))
}

// checkNames reads one JSON value that is known to be valid.
func checkNames(dec *json.Decoder) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		seen := map[string]bool{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return err
			}
			s, _ := name.(string)
			if seen[s] {
				return fmt.Errorf("must not repeat the name %q", s)
			}
			seen[s] = true
			if err := checkNames(dec); err != nil {
				return err
			}
		}
		_, err = dec.Token()
	case json.Delim('['):
		for dec.More() {
			if err := checkNames(dec); err != nil {
				return err
			}
		}
		_, err = dec.Token()
	}
	return err
}
