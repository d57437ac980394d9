package presentation

import (
	"strings"

	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// Text is a text to show. Klarna sends it either as a plain string or as parts with links and
// styles. [Text.All] and [Text.Plain] read both forms.
type Text struct {
	// Text is the plain string; "" if the text has parts.
	Text string `json:"text,omitzero"`
	// Parts are the parts; nil if the text is a plain string.
	Parts []TextPart `json:"parts,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// TextPart is a part of a [Text].
type TextPart struct {
	// Type is the kind of part.
	Type PartType `json:"type"`
	// Text is the text of the part.
	Text string `json:"text"`
	// URL is the address of a link.
	URL string `json:"url,omitzero"`
	// Context says what a link is for.
	Context LinkContext `json:"context,omitzero"`
	// Styles are the styles of the part.
	Styles []Style `json:"styles,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// PartType is the kind of a [TextPart]. Unknown values are kept.
type PartType string

// The kinds of parts.
const (
	// PartTypeText is plain text.
	PartTypeText PartType = "TEXT"
	// PartTypeLink is a link.
	PartTypeLink PartType = "LINK"
)

// LinkContext says what a link is for. Unknown values are kept.
type LinkContext string

// The contexts of a link.
const (
	// LinkContextInfo is a link to information.
	LinkContextInfo LinkContext = "INFO"
	// LinkContextAuth is a link that must open in a new window.
	LinkContextAuth LinkContext = "AUTH"
)

// Style is a text style. Unknown values are kept.
type Style string

// The styles.
const (
	// StyleBold is bold text.
	StyleBold Style = "BOLD"
	// StyleItalic is italic text.
	StyleItalic Style = "ITALIC"
	// StyleUnderline is underlined text.
	StyleUnderline Style = "UNDERLINE"
)

// All returns the parts of the text. A plain string is one part of [PartTypeText].
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

// decode reads an object of either form, or a string as the plain form.
func (t *Text) decode(r *wire.Reader) bool {
	if r.IsString() {
		return wire.ReadText(&t.Text, r)
	}
	return wire.ReadObject(t, r, &t.Unknown, (*Text).member)
}
