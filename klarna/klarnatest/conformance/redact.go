package conformance

import (
	"strings"
	"unicode"
)

// maxShown is the number of characters that a report shows of a text from the host.
const maxShown = 300

const (
	// secretPart is the length from which a part of a secret counts as a secret.
	secretPart = 12
	// maxCleaned suffices for maxShown characters of a text that is full of secrets.
	maxCleaned = 64 << 10
)

// clean removes secrets that the host may have echoed from a text.
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

// secretAt returns the length of the secret, or part of one, at the beginning of text.
func (h *host) secretAt(text string) (n int) {
	for _, secret := range h.secrets {
		if len(secret) <= 3 { // too short to be a secret, and would match everywhere
			continue
		}
		for m := min(len(secret), secretPart); m <= len(text) && strings.Contains(secret, text[:m]); m++ {
			n = max(n, m)
		}
	}
	return n
}

// isSecret reports whether a captured variable is a secret, judged by its name.
func isSecret(name string) bool {
	return strings.HasSuffix(name, "token") || name == "signing_key"
}

// printable cuts a text from the host after maxShown characters and removes control characters,
// which could move a terminal's cursor.
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
