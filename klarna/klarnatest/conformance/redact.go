package conformance

import (
	"strings"
	"unicode"
)

// maxShown is how many characters of a text from outside a report shows.
const maxShown = 300

const (
	// secretPart is how much of a secret is one, too.
	secretPart = 12
	// maxCleaned is more than is shown of a text even where it is full of secrets.
	maxCleaned = 64 << 10
)

// clean takes out of a text what the host may have echoed and no report may hold.
func (h *host) clean(text string) string {
	text = text[:min(len(text), maxCleaned)]
	var b strings.Builder
	for i := 0; i < len(text); {
		if n := h.secretAt(text[i:]); n > 0 {
			b.WriteString("[redacted]")
			i += n
			continue
		}
		b.WriteByte(text[i])
		i++
	}
	return printable(b.String())
}

// secretAt tells how much at the beginning of text is a secret, or a part of one.
func (h *host) secretAt(text string) (n int) {
	for _, secret := range h.secrets {
		if len(secret) <= 3 { // hides nothing, and would leave holes everywhere
			continue
		}
		for m := min(len(secret), secretPart); m <= len(text) && strings.Contains(secret, text[:m]); m++ {
			n = max(n, m)
		}
	}
	return n
}

// isSecret tells by its name whether a captured variable may be shown to nobody.
func isSecret(name string) bool {
	return strings.HasSuffix(name, "token") || name == "signing_key"
}

// printable cuts a text from outside after maxShown characters and takes out what would move a
// terminal's cursor.
func printable(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > maxShown {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = '�'
		}
		b.WriteRune(r)
	}
	return b.String()
}
