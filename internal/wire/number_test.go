package wire

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestIntegerReadsWholeNumbers(t *testing.T) {
	zeros := strings.Repeat("0", 400)
	for text, want := range map[string]int64{
		"0": 0, "-0": 0, "0.0": 0, "-0.000": 0, "0e0": 0, "0e99999999999999999999": 0, "0.0e-99999999999999999999": 0, "-0E+7": 0,
		"1": 1, "-1": -1, "1000": 1000, "1000.0": 1000, "1e3": 1000, "1E3": 1000, "1e+3": 1000, "1.5e1": 15, "1000000e-3": 1000, "100e-2": 1,
		"0.001e3": 1, "-12.50e2": -1250, "0.1e1": 1, "10e-1": 1, "1e0": 1, "1e-0": 1, "1.0e00000000000000000000003": 1000,
		"9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64, "9223372036854775807.000": math.MaxInt64,
		"922337203685477580.7e1": math.MaxInt64, "-0.9223372036854775808e19": math.MinInt64, "9.223372036854775807e18": math.MaxInt64,
		"1e18": 1e18, "9e18": 9e18, "1" + zeros + "e-400": 1, "0." + zeros + "1e401": 1, "5." + zeros: 5,
		"1" + strings.Repeat("0", 18): 1e18,
	} {
		if got, ok := integer([]byte(text)); !ok || got != want {
			t.Errorf("%.60s is %d, %t, want %d", text, got, ok, want)
		}
	}
}

func TestIntegerRefusesEverythingElse(t *testing.T) {
	zeros := strings.Repeat("0", 400)
	for _, text := range []string{
		"", " ", "-", "+1", "1 ", " 1", "01", "-01", "00", "1.", ".5", "1e", "1e+", "1.e3", "e3", "1_000", "0x10", "1,000", "1,5", "NaN", "Infinity", "null",
		"1e3.0", "--1", "-+1", "1e--3", "١", "1\x00", "1.5", "0.1", "1e-1", "15e-2", "-0.5", "1e-400", "0." + zeros + "1", "1.0000000000000000001",
		"9223372036854775808", "-9223372036854775809", "9223372036854775807.5", "1e19", "-1e19", "92233720368547758070", "1e20", "1e400", "1" + zeros,
		"1e99999999999999999999", "-1e99999999999999999999", "1e-99999999999999999999", "1e9223372036854775807", "1e-9223372036854775808", "1e1073741824",
		"9.223372036854775808e18", "1e4294967296", "1e18446744073709551616",
	} {
		if got, ok := integer([]byte(text)); ok {
			t.Errorf("%.60q is read as %d", text, got)
		}
	}
}

// Every number with few digits and a small exponent is compared with math/big.
func TestIntegerAgreesWithExactArithmetic(t *testing.T) {
	tried := 0
	for _, sign := range []string{"", "-"} {
		for whole := range 121 {
			for _, fraction := range []string{"", ".0", ".5", ".25", ".00", ".50", ".05", ".125"} {
				for exponent := -5; exponent <= 21; exponent++ {
					tried++
					checkInteger(t, fmt.Sprintf("%s%d%se%d", sign, whole, fraction, exponent))
				}
			}
		}
	}
	for _, border := range []string{"9223372036854775807", "9223372036854775808", "9223372036854775809", "9223372036854775799", "922337203685477580", "18446744073709551616"} {
		for point := range len(border) {
			for exponent := -20; exponent <= 40; exponent++ {
				for _, sign := range []string{"", "-"} {
					text := sign + border
					if point > 0 {
						text = sign + border[:point] + "." + border[point:]
					}
					tried++
					checkInteger(t, fmt.Sprintf("%se%d", text, exponent))
				}
			}
		}
	}
	t.Logf("%d numbers", tried)
}

// checkInteger compares with math/big, which is slow for large exponents.
func checkInteger(t *testing.T, text string) {
	t.Helper()
	exact, ok := new(big.Rat).SetString(text)
	want := ok && exact.IsInt() && exact.Num().IsInt64()
	got, whole := integer([]byte(text))
	if whole != want || want && got != exact.Num().Int64() {
		t.Fatalf("%s is %d, %t, but math/big has %v, %t", text, got, whole, exact, want)
	}
}

func FuzzInteger(f *testing.F) {
	for _, seed := range []string{"1000", "1000.0", "1e3", "-0.9223372036854775808e19", "1e99999999999999999999", "0e-1", "1.", "01", "+1", "1_0", "0x1p4", "1e0000019"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, whole := integer([]byte(text))
		if !isNumber([]byte(text)) {
			if whole {
				t.Fatalf("%q is not a number and is %d", text, got)
			}
			return
		}
		mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
		if digits := strings.TrimLeft(strings.TrimLeft(exponent, "+-"), "0"); len(digits) > 3 {
			// The exponent is too large for math/big, and for an integer: an integer has at most as
			// many digits after its point as it has digits.
			nothing := strings.Trim(mantissa, "-0.") == ""
			if len(text) < 900 && (whole != nothing || got != 0) {
				t.Fatalf("%q is %d, %t", text, got, whole)
			}
			return
		}
		checkInteger(t, text)
	})
}
