package conformance

import (
	"encoding/json"
	"regexp"
	"strconv"
)

// form is the format of a text. A number is matched in its original notation.
type form struct {
	name    string
	pattern *regexp.Regexp
	sample  string // an example of the form
}

func newForm(name, pattern, sample string) form {
	return form{name, regexp.MustCompile(`^(?:` + pattern + `)$`), sample}
}

var (
	anySuccess  = newForm("2xx", `2\d\d`, "200")
	aUUID       = newForm("a UUID", `(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`, "9f1c9e5e-0000-4000-8000-000000000000")
	wholeNumber = newForm("a whole number", `\d+`, "7")
	aTimestamp  = newForm("an ISO 8601 time with a zone", `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)`, "2026-01-02T03:04:05.678Z")
	// http is for a klarnatest server on loopback.
	webAddress   = newForm("an https URL", `https?://[^\s]+`, "https://pay.example/x")
	lowercaseHex = newForm("64 lowercase hex digits", `[0-9a-f]{64}`, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
	quotas       = newForm("a quota and named quotas", `\d+(, ?\d+;w=\d+;name="[^"]+")+`, `40, 40;w=1;name="account_x"`)
	upperCase    = newForm("a word in capitals", `[A-Z0-9_]+`, "WORD")
	aText        = newForm("a text that is not empty", `(?s).+`, "text")
	jsonMedia    = newForm("application/json", `application/json(;.*)?`, "application/json")
	// Ids are opaque. Their form is worth reporting, but callers must not rely on it.
	requestKRN    = newForm("krn:payment:<region>:request:<uuid>", `krn:payment:[a-z0-9]+:request:[0-9a-f-]{36}`, "krn:payment:eu1:request:9f1c9e5e-0000-4000-8000-000000000000")
	sessionKRN    = newForm("krn:network:<region>:test:session-token:…", `krn:network:[a-z0-9]+:test:session-token:.+`, "krn:network:us1:test:session-token:eyJ")
	signingKeyKRN = newForm("krn:partner:global:notification:signing-key:<uuid>", `krn:partner:global:notification:signing-key:[0-9a-f-]{36}`,
		"krn:partner:global:notification:signing-key:9f1c9e5e-0000-4000-8000-000000000000")
)

// matches accepts strings and numbers.
func (f form) matches(value any) bool {
	switch v := value.(type) {
	case string:
		return f.pattern.MatchString(v)
	case json.Number:
		return f.pattern.MatchString(v.String())
	case int:
		return f.pattern.MatchString(strconv.Itoa(v))
	}
	return false
}

// kind is a JSON type.
type kind string

const (
	aString  kind = "a string"
	anObject kind = "an object"
	aList    kind = "an array"
	aNumber  kind = "a number"
	aBoolean kind = "a boolean"
)

func kindOf(value any) kind {
	switch value.(type) {
	case string:
		return aString
	case object:
		return anObject
	case list:
		return aList
	case bool:
		return aBoolean
	}
	return aNumber
}
