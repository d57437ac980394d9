package klarnatest

import (
	"fmt"
	"strconv"
	"strings"
)

// currencySigns maps a currency to the sign that an English reader recognizes. Other currencies are
// written with their code.
var currencySigns = map[string]string{
	"AUD": "A$", "CAD": "CA$", "EUR": "€", "GBP": "£", "MXN": "MX$", "NZD": "NZ$", "USD": "$",
}

// formatMoney writes minor units for people: "€1,234.50", "SEK\u00a01,234.50". Every currency of
// Klarna's has two decimal places.
func formatMoney(amount int64, currency string) string {
	sign, rest := "", uint64(amount) //nolint:gosec // the wrapped value is negated below
	if amount < 0 {
		sign, rest = "−", -rest
	}
	whole := strconv.FormatUint(rest/100, 10)
	var b strings.Builder
	for i, digit := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	mark, ok := currencySigns[currency]
	if !ok {
		mark = currency + "\u00a0" // no line break between code and number
	}
	return fmt.Sprintf("%s%s%s.%02d", sign, mark, b.String(), rest%100)
}
