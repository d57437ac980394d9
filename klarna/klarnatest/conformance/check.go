package conformance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// check is one property that an exchange must have.
type check struct {
	of subject
	is test
}

// checks hold if each of them holds.
type checks []check

// subject is the part of an exchange that a check is about.
type subject struct {
	part part
	name string // of a header, or the path of a member
}

type part int

const (
	theStatus part = iota
	theHeader
	theBody
)

// test is a property of a subject.
type test struct {
	rule   rule
	values list // for isOneOf, with variables expanded
	form   form
	kind   kind
	key    string // for signs: the signing key, with variables expanded
	since  string // for spans: the member from which it is counted
	span   time.Duration
}

type rule int

const (
	isOneOf rule = iota
	isThere
	isAbsent
	hasForm
	hasKind
	signs
	spans
)

func status(codes ...int) check {
	values := list{}
	for _, code := range codes {
		values = append(values, code)
	}
	return check{subject{part: theStatus}, test{rule: isOneOf, values: values}}
}

// success accepts any 2xx, because no caller may rely on a particular one.
func success() check { return check{subject{part: theStatus}, test{rule: hasForm, form: anySuccess}} }

func header(name string) subject { return subject{theHeader, http.CanonicalHeaderKey(name)} }

// member is a member of the body. [at] describes its path.
func member(path string) subject { return subject{theBody, path} }

func (s subject) is(values ...any) check  { return check{s, test{rule: isOneOf, values: values}} }
func (s subject) exists() check           { return check{s, test{rule: isThere}} }
func (s subject) isAbsent() check         { return check{s, test{rule: isAbsent}} }
func (s subject) looksLike(f form) check  { return check{s, test{rule: hasForm, form: f}} }
func (s subject) isOfKind(k kind) check   { return check{s, test{rule: hasKind, kind: k}} }
func (s subject) signedBy(k string) check { return check{s, test{rule: signs, key: k}} }

// spansFrom checks that a time is later than another by d, within a minute.
func (s subject) spansFrom(since string, d time.Duration) check {
	return check{s, test{rule: spans, since: since, span: d}}
}

// values returns the subject's values in x. A path with "*" can have several.
func (s subject) values(x exchange) list {
	switch s.part {
	case theStatus:
		return list{x.status}
	case theHeader:
		if v := x.header.Get(s.name); v != "" {
			return list{v}
		}
		return nil
	}
	return at(x.body, s.name)
}

// fault describes what is wrong with x, "" if nothing is. An error means that the case itself is
// wrong.
func (c check) fault(x exchange, v vars) (string, error) {
	found := c.of.values(x)
	fine, err := c.is.met(found, x, v)
	switch {
	case err != nil || fine:
		return "", err
	case c.of.part == theBody && x.body == nil && len(x.raw) > 0:
		return "the body is not JSON", nil
	}
	return c.of.String() + " is " + c.of.seen(found) + ", want " + c.is.String(), nil
}

// met reports whether one of the values passes the test.
func (t test) met(found list, x exchange, v vars) (bool, error) {
	switch t.rule {
	case isThere:
		return len(found) > 0, nil
	case isAbsent:
		return len(found) == 0, nil
	}
	want, err := t.wanted(x, v)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(found, func(value any) bool {
		switch t.rule {
		case hasForm:
			return t.form.matches(value)
		case hasKind:
			return kindOf(value) == t.kind
		case spans:
			return t.isLater(value, want)
		}
		return slices.ContainsFunc(want, func(w any) bool { return reflect.DeepEqual(w, value) })
	}), nil
}

// wanted returns the values with which the test compares.
func (t test) wanted(x exchange, v vars) (list, error) {
	switch t.rule {
	case spans:
		return at(x.body, t.since), nil
	case signs:
		key, err := v.expand(t.key, verbatim)
		// The key and the body are used byte by byte, as Klarna sent them.
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(x.raw)
		return list{hex.EncodeToString(mac.Sum(nil))}, err
	}
	var want list
	for _, value := range t.values {
		filled, err := v.fill(value)
		if err != nil {
			return nil, err
		}
		want = append(want, filled)
		if n, ok := filled.(int); ok { // numbers of answers are decoded as json.Number
			want = append(want, json.Number(strconv.Itoa(n)))
		}
	}
	return want, nil
}

// tolerance is the permitted deviation of a span: hosts round times and set them one after the
// other.
const tolerance = time.Minute

func (t test) isLater(value any, since list) bool {
	later, ok := asTime(value)
	return ok && slices.ContainsFunc(since, func(s any) bool {
		from, ok := asTime(s)
		return ok && (later.Sub(from)-t.span).Abs() <= tolerance
	})
}

func asTime(value any) (time.Time, bool) {
	s, _ := value.(string)
	at, err := time.Parse(time.RFC3339Nano, s)
	return at, err == nil
}

// String returns the subject's name in a report.
func (s subject) String() string {
	switch {
	case s.part == theStatus:
		return "the status"
	case s.part == theHeader:
		return "the header " + s.name
	case s.name == "":
		return "the body"
	}
	return s.name
}

// words are the names of members whose values are words of Klarna's, and neither secrets nor
// personal data.
var words = []string{
	"error_code", "error_type", "parameter", "result", "result_reason", "state", "previous_state", "state_reason", "instruction",
	"payment_status", "status", "event_type", "event_version", "live", "method", "currency", "amount", "type",
}

// wordHeaders are the headers whose values are such words.
var wordHeaders = []string{
	"Content-Type", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "Klarna-Mtls-Verification-Status", "Klarna-Ip-Validation-Status",
}

// aWord matches the form of words. Ids, tokens and keys have colons or are longer.
var aWord = regexp.MustCompile(`^[A-Za-z0-9_.,;=/ -]{1,60}$`)

// seen describes values for a report: a word of Klarna's as it is, and only the type of any other
// value.
func (s subject) seen(found list) string {
	if len(found) == 0 {
		return "absent"
	}
	value := found[0]
	last := s.name[strings.LastIndexByte(s.name, '.')+1:]
	switch {
	case s.part == theHeader && !slices.Contains(wordHeaders, s.name), s.part == theBody && !slices.Contains(words, last):
		return string(kindOf(value))
	case kindOf(value) == aString && aWord.MatchString(value.(string)):
		return fmt.Sprintf("%q", value)
	case kindOf(value) == aNumber || kindOf(value) == aBoolean:
		return fmt.Sprint(value)
	}
	return string(kindOf(value))
}

// String describes the property.
func (t test) String() string {
	switch t.rule {
	case isThere:
		return "it there"
	case isAbsent:
		return "it absent"
	case hasForm:
		return t.form.name
	case hasKind:
		return string(t.kind)
	case signs:
		return "the HMAC-SHA256 of the raw body in lowercase hex"
	case spans:
		return fmt.Sprintf("%v after %s", t.span, t.since)
	}
	var list []string
	for _, value := range t.values {
		s, isText := value.(string)
		switch {
		case isText && strings.Contains(s, "${"):
			list = append(list, "what was sent or answered before")
		case isText:
			list = append(list, fmt.Sprintf("%q", s))
		default:
			list = append(list, fmt.Sprint(value))
		}
	}
	return strings.Join(list, " or ")
}

// fault returns the first fault, "" if there is none.
func (c checks) fault(x exchange, v vars) (string, error) {
	for _, check := range c {
		if fault, err := check.fault(x, v); fault != "" || err != nil {
			return fault, err
		}
	}
	return "", nil
}
