package wire

import (
	"bytes"
	"strconv"
)

// integer returns the value of a JSON number that is exactly a 64-bit integer, in any notation.
func integer(text []byte) (n int64, ok bool) {
	if len(text) > 0 && text[0] != '+' { // which ParseInt accepts and JSON does not
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return n, isNumber(text)
		}
	}
	if !isNumber(text) {
		return 0, false
	}
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	mantissa, exponent := text, 0
	if e := bytes.IndexAny(text, "eE"); e >= 0 {
		mantissa = text[:e]
		var err error
		if exponent, err = strconv.Atoi(string(text[e+1:])); err != nil {
			exponent = 1 << 30 // so far from 0 that only a mantissa of 0 gives an integer
			if text[e+1] == '-' {
				exponent = -exponent
			}
		}
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	digits := append(bytes.Clone(whole), fraction...)
	exponent -= len(fraction)
	digits = bytes.TrimLeft(digits, "0")
	trimmed := bytes.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	switch {
	case len(trimmed) == 0:
		return 0, true
	case exponent < 0 || exponent > 19 || len(trimmed)+exponent > 19:
		return 0, false
	}
	digits = append(trimmed, bytes.Repeat([]byte("0"), exponent)...)
	n, err := strconv.ParseInt(sign+string(digits), 10, 64)
	return n, err == nil
}

// isNumber reports whether a text is a number in JSON's grammar. Only the text of a string needs
// the check.
func isNumber(text []byte) bool {
	text = bytes.TrimPrefix(text, []byte("-"))
	digits := func() int {
		n := 0
		for n < len(text) && text[n] >= '0' && text[n] <= '9' {
			n++
		}
		text = text[n:]
		return n
	}
	if bytes.HasPrefix(text, []byte("0")) {
		text = text[1:]
	} else if digits() == 0 {
		return false
	}
	if rest, ok := bytes.CutPrefix(text, []byte(".")); ok {
		if text = rest; digits() == 0 {
			return false
		}
	}
	if len(text) > 0 && (text[0] == 'e' || text[0] == 'E') {
		text = text[1:]
		if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
			text = text[1:]
		}
		if digits() == 0 {
			return false
		}
	}
	return len(text) == 0
}
