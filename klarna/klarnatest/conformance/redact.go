package conformance

import (
	"strings"
	"unicode"
)

// maxShown is how many characters of a text from outside a report shows.
const maxShown = 300

// clean takes out of a text what the host may have echoed and no report may hold. It does so before it cuts: half a secret is one too.
func (h *host) clean(text string) string {
	for _, secret := range h.secrets {
		if len(secret) > 3 { // a shorter one hides nothing, and would leave holes everywhere
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return printable(text)
}

// isSecret tells by its name whether a captured variable may be shown to nobody.
func isSecret(name string) bool {
	return strings.HasSuffix(name, "token") || name == "signing_key"
}

// printable cuts a text from outside after maxShown characters and takes out what would move a terminal's cursor.
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
