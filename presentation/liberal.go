package presentation

import (
	"bytes"
	"fmt"
	"log/slog"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/strictjson"
)

// UnmarshalJSON reads an option. Klarna's texts are less sure of its members than of the instruction beside it, so one of
// another shape costs no other: it is kept in Unknown. What is not even an object is in the whole answer's Raw.
func (o *PaymentOption) UnmarshalJSON(text []byte) error {
	*o = PaymentOption{}
	return strictjson.Read(bytes.Clone(text), o.readJSON)
}

// UnmarshalJSON reads a text in either of Klarna's forms, and a bare string as the plain form.
func (t *Text) UnmarshalJSON(text []byte) error {
	*t = Text{}
	return strictjson.Read(bytes.Clone(text), t.readJSON)
}

// A saved option may name the customer and a card, so none of these prints its texts.

// Format writes the instruction, whatever the verb.
func (p Presentation) Format(s fmt.State, _ rune) { redact.Format(s, p.describe()) }

// LogValue returns what Format writes.
func (p Presentation) LogValue() slog.Value { return slog.StringValue(p.describe()) }

func (p *Presentation) describe() string {
	return fmt.Sprintf("presentation.Presentation{%q %q}", string(p.Instruction), string(p.PaymentStatus))
}

// Format writes no text, whatever the verb.
func (PaymentOption) Format(s fmt.State, _ rune) { redact.Personal(s, "presentation.PaymentOption") }

// LogValue returns what Format writes.
func (PaymentOption) LogValue() slog.Value { return redact.LogPersonal("presentation.PaymentOption") }

// Format writes no text, whatever the verb.
func (Text) Format(s fmt.State, _ rune) { redact.Personal(s, "presentation.Text") }

// LogValue returns what Format writes.
func (Text) LogValue() slog.Value { return redact.LogPersonal("presentation.Text") }

// Format writes no text, whatever the verb.
func (TextPart) Format(s fmt.State, _ rune) { redact.Personal(s, "presentation.TextPart") }

// LogValue returns what Format writes.
func (TextPart) LogValue() slog.Value { return redact.LogPersonal("presentation.TextPart") }
