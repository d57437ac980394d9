package canary

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// canary is a text that must not show, in each spelling that a printer may give it.
type canary []string

// window is the number of bytes of a canary that reveal it. It is short because dumps break lines.
const window = 8

func newCanary(text string) canary {
	if len(text) < 3*window {
		panic("the canary is too short to be found in a dump")
	}
	var c canary
	for from := 0; from+window <= len(text); from += window {
		piece := []byte(text[from : from+window])
		c = append(c, string(piece), hex.EncodeToString(piece), strings.ToUpper(hex.EncodeToString(piece)))
		numbers := make([]int, window)
		for i, b := range piece {
			numbers[i] = int(b)
		}
		for _, verb := range []string{"%d", "%o", "%b", "%x", "%02x", "%X", "%02X", "%#x", "%#X", "%#o", "%O", "%U", "%c", "%q"} {
			for _, separator := range []string{" ", ", ", ",", ",\n "} {
				spelt := make([]string, window)
				for i, n := range numbers {
					spelt[i] = fmt.Sprintf(verb, n)
				}
				c = append(c, strings.Join(spelt, separator))
			}
		}
	}
	for shift := range 3 { // for each alignment of the canary in the encoded text
		end := shift + (len(text)-shift)/3*3
		for from := shift; from+12 <= end; from += 12 {
			c = append(c, base64.StdEncoding.EncodeToString([]byte(text[from:from+12])), base64.URLEncoding.EncodeToString([]byte(text[from:from+12])))
		}
	}
	return c
}

// in returns the spelling that shows, or "".
func (c canary) in(text string) string {
	for _, spelling := range c {
		if strings.Contains(text, spelling) {
			return spelling
		}
	}
	return ""
}

func TestCanaryIsFoundInEverySpelling(t *testing.T) {
	const text = "Qz7Kx2Wv9Bn4Lm6Tp8Rd3Hc5"
	c := newCanary(text)
	spellings := []string{text, hex.Dump([]byte("abc" + text)), fmt.Sprintf("%q", text), fmt.Sprintf("%+q", text), fmt.Sprintf("%#v", []byte(text)), fmt.Sprintf("%v", []rune(text))}
	for _, verb := range []string{"%x", "%X", "% x", "% X", "%#x", "%# x", "%d", "%o", "%b", "%c", "%U", "%#o", "%O"} {
		spellings = append(spellings, fmt.Sprintf(verb, []byte("a"+text)))
	}
	for _, before := range []string{"", "a", "ab"} {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
			spellings = append(spellings, encoding.EncodeToString([]byte(before+text+"z")))
		}
	}
	for i, spelling := range spellings {
		if c.in(spelling) == "" {
			t.Errorf("spelling %d is not found: %s", i, spelling)
		}
	}
	if found := c.in("Qz7Kx2W v9Bn4Lm 6Tp8Rd3"); found != "" {
		t.Errorf("found %q in a text without a canary", found)
	}
}
