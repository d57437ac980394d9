package presentation

import (
	"strings"

	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// Text is a text to show: plain, or in parts of which some are links. Any field may use either
// form; All reads both.
type Text struct {
	// Text is the plain form.
	Text string `json:"text,omitzero"`
	// Parts is the other form.
	Parts []TextPart `json:"parts,omitzero"`

	klarna.Unknown `json:",embed"`
}

// TextPart is a part of a Text.
type TextPart struct {
	Type PartType `json:"type"`
	Text string   `json:"text"`
	// URL is where a link leads.
	URL string `json:"url,omitzero"`
	// Context says how a link opens.
	Context LinkContext `json:"context,omitzero"`
	Styles  []Style     `json:"styles,omitzero"`

	klarna.Unknown `json:",embed"`
}

// PartType is the kind of a TextPart. Unknown values are kept.
type PartType string

// The kinds of a part.
const (
	PartTypeText PartType = "TEXT"
	PartTypeLink PartType = "LINK"
)

// LinkContext says what a link is for. Unknown values are kept.
type LinkContext string

// The contexts of a link.
const (
	LinkContextInfo LinkContext = "INFO"
	// LinkContextAuth opens in a new window.
	LinkContextAuth LinkContext = "AUTH"
)

// Style is how a part is to be set. Unknown values are kept.
type Style string

// The styles.
const (
	StyleBold      Style = "BOLD"
	StyleItalic    Style = "ITALIC"
	StyleUnderline Style = "UNDERLINE"
)

// All returns the text in parts, whichever form it came in.
func (t Text) All() []TextPart {
	if len(t.Parts) == 0 && t.Text != "" {
		return []TextPart{{Type: PartTypeText, Text: t.Text}}
	}
	return t.Parts
}

// Plain returns the text without links and styles.
func (t Text) Plain() string {
	var b strings.Builder
	for _, part := range t.All() {
		b.WriteString(part.Text)
	}
	return b.String()
}

// decode reads a text in either of Klarna's forms, and a bare string as the plain form.
func (t *Text) decode(r *wire.Reader) bool {
	if r.IsString() {
		return wire.ReadText(&t.Text, r)
	}
	return wire.ReadObject(t, r, &t.Unknown, (*Text).member)
}
