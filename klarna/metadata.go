package klarna

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/klarna-go/klarna-go/internal/wire"
)

// IntegrationMetadata names the software that makes a call and the software that the request passed
// through before. It is sent in the Klarna-Integration-Metadata header and helps Klarna's support.
type IntegrationMetadata struct {
	// Integrator is the party that calls Klarna. Its Name and SessionReference are required.
	Integrator Integrator `json:"integrator"`
	// Originators are the parties before the integrator, at most 10.
	Originators []Integrator `json:"originators,omitempty"`
}

// Integrator is one party of [IntegrationMetadata].
type Integrator struct {
	// Name has 1 to 50 characters. Klarna's schema asks for upper-case letters, digits and
	// underscores.
	Name string `json:"name"`
	// SessionReference has 1 to 100 characters.
	SessionReference string `json:"session_reference"`
	// ModuleName and ModuleVersion have at most 50 characters each.
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
		name, value       string
		shortest, longest int
	}{
		{"name", i.Name, 1, 50},
		{"session_reference", i.SessionReference, 1, 100},
		{"module_name", i.ModuleName, 0, 50},
		{"module_version", i.ModuleVersion, 0, 50},
	} {
		if n := utf8.RuneCountInString(f.value); n < f.shortest || n > f.longest {
			problems = append(problems, fmt.Errorf("%s.%s: %d to %d characters, not %d", path, f.name, f.shortest, f.longest, n))
		}
	}
	return problems
}

// escapeNonASCII escapes the characters of a JSON text that are not ASCII with \u, because a header
// is ASCII.
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
