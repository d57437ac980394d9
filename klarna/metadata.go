package klarna

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/klarna-go/klarna-go/internal/wire"
)

// IntegrationMetadata names the software that makes a call and those that it passed through, for
// Klarna's support. It travels in the Klarna-Integration-Metadata header.
type IntegrationMetadata struct {
	// Integrator is who calls Klarna. Name and SessionReference are required.
	Integrator Integrator `json:"integrator"`
	// Originators are those before it, at most 10.
	Originators []Integrator `json:"originators,omitempty"`
}

// Integrator is one party of [IntegrationMetadata].
type Integrator struct {
	// Name is 1 to 50 characters; Klarna's schema asks for upper-case letters, digits and underscores.
	Name string `json:"name"`
	// SessionReference is 1 to 100 characters.
	SessionReference string `json:"session_reference"`
	// ModuleName and ModuleVersion are at most 50 characters each.
	ModuleName    string `json:"module_name,omitempty"`
	ModuleVersion string `json:"module_version,omitempty"`
}

func (m *IntegrationMetadata) encode() (string, error) {
	var problems []error
	if len(m.Originators) > 10 {
		problems = append(problems, errors.New("originators: at most 10"))
	}
	problems = append(problems, m.Integrator.check("integrator")...)
	for i := range m.Originators {
		problems = append(problems, m.Originators[i].check(fmt.Sprintf("originators[%d]", i))...)
	}
	if len(problems) > 0 {
		return "", errors.Join(problems...)
	}
	text, err := wire.EncodeAny(m)
	if err != nil {
		return "", err
	}
	return escapeNonASCII(text), nil
}

func (i *Integrator) check(path string) []error {
	var problems []error
	for _, f := range []struct {
		name, value string
		least, most int
	}{
		{"name", i.Name, 1, 50},
		{"session_reference", i.SessionReference, 1, 100},
		{"module_name", i.ModuleName, 0, 50},
		{"module_version", i.ModuleVersion, 0, 50},
	} {
		if n := utf8.RuneCountInString(f.value); n < f.least || n > f.most {
			problems = append(problems, fmt.Errorf("%s.%s: %d to %d characters, not %d", path, f.name, f.least, f.most, n))
		}
	}
	return problems
}

// escapeNonASCII makes JSON that a header can carry: a header is ASCII, and JSON can say the rest
// with \u.
func escapeNonASCII(text []byte) string {
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range string(text) {
		switch {
		case r < 0x7f:
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String()
}
