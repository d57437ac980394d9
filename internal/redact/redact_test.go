package redact_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/internal/redact"
)

const canary = "canary-7f3a"

// personal stands for the types of the API packages that hold personal data.
type personal struct {
	Name string

	redact.Unknown
}

// shown stands for the types that show their id.
type shown struct {
	ID, Name string

	redact.Unknown
}

func (s shown) String() string {
	return redact.Describe("pkg.Shown", redact.Show(s.ID), redact.ShowInt(7)+redact.ShowIntPointer(new(8))+redact.ShowIntPointer[int](nil))
}
func (s shown) Format(f fmt.State, _ rune) { redact.Format(f, s.String()) }
func (s shown) LogValue() slog.Value       { return slog.StringValue(s.String()) }

func TestEveryVerbPrintsTheReplacement(t *testing.T) {
	values := map[string]struct {
		value any
		want  string
	}{
		"a secret":            {redact.NewSecret(canary), "[redacted]"},
		"a pointer to one":    {new(redact.NewSecret(canary)), "[redacted]"},
		"no secret":           {redact.Secret{}, ""},
		"raw JSON":            {redact.NewRawJSON(canary), "[11 bytes of JSON]"},
		"unknown members":     {redact.Unknown{canary: redact.NewRawJSON(canary)}, "[redacted]"},
		"a personal value":    {personal{Name: canary}, "[redacted]"},
		"a pointer to such":   {&personal{Name: canary}, "[redacted]"},
		"a value with an id":  {shown{ID: "krn:1", Name: canary}, "pkg.Shown{krn:1 78}"},
		"an id that is none":  {shown{ID: canary + "\n", Name: canary}, "pkg.Shown{[unprintable] 78}"},
		"raw JSON of nothing": {redact.NewRawJSON(""), "[0 bytes of JSON]"},
		"no unknown members":  {redact.Unknown(nil), "[redacted]"},
	}
	for name, test := range values {
		t.Run(name, func(t *testing.T) {
			for verb := 'A'; verb <= 'z'; verb++ {
				if verb == 'T' || verb == 'p' || verb == 'w' || verb > 'Z' && verb < 'a' {
					continue // fmt handles these verbs itself
				}
				for _, flags := range []string{"", "+", "#", "-20", "010.3", " "} {
					if got := fmt.Sprintf("%"+flags+string(verb), test.value); got != test.want {
						t.Errorf("%%%s%c prints %q, want %q", flags, verb, got, test.want)
					}
				}
			}
			if got := fmt.Sprint([]any{test.value}); got != "["+test.want+"]" {
				t.Errorf("in a list: %s", got)
			}
			var text bytes.Buffer
			slog.New(slog.NewTextHandler(&text, nil)).Info("m", "v", test.value)
			slog.New(slog.NewJSONHandler(&text, nil)).Info("m", "v", test.value)
			if strings.Contains(text.String(), canary) || test.want != "" && strings.Count(text.String(), test.want) != 2 {
				t.Errorf("logged %s", text.String())
			}
		})
	}
}

func TestUnexportedFieldsShowAnAddress(t *testing.T) {
	hidden := struct {
		secret redact.Secret
		raw    redact.RawJSON
		fields redact.Unknown
	}{redact.NewSecret(canary), redact.NewRawJSON(canary), redact.Unknown{"a": redact.NewRawJSON(canary)}}
	for verb := 'A'; verb <= 'z'; verb++ {
		for _, flags := range []string{"", "+", "#"} {
			for _, value := range []any{hidden, &hidden, []any{hidden}, map[string]any{"a": hidden}, redact.NewSecret(canary)} {
				got := fmt.Sprintf("%"+flags+string(verb), value)
				if strings.Contains(got, canary) || strings.Contains(strings.ToLower(got), fmt.Sprintf("%x", canary)) {
					t.Errorf("%%%s%c prints %s", flags, verb, got)
				}
			}
		}
	}
}

func TestSecretsEncodeAsTheReplacement(t *testing.T) {
	s := redact.NewSecret(canary)
	asJSON, err := json.Marshal(map[string]any{"value": s, "pointer": &s, "none": redact.Secret{}})
	if want := `{"none":"","pointer":"[redacted]","value":"[redacted]"}`; err != nil || string(asJSON) != want {
		t.Errorf("JSON %s, %v", asJSON, err)
	}
	asXML, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"x"`
		S       redact.Secret
	}{S: s})
	if err != nil || strings.Contains(string(asXML), canary) || !strings.Contains(string(asXML), "[redacted]") {
		t.Errorf("XML %s, %v", asXML, err)
	}
	if s.String() != "[redacted]" || s.GoString() != "[redacted]" || (redact.Secret{}).GoString() != "" {
		t.Error("String or GoString is something else")
	}
}

func TestSecretIsReadAndRevealed(t *testing.T) {
	var s redact.Secret
	if err := json.Unmarshal([]byte(`"`+canary+`"`), &s); err != nil || s.Reveal() != canary || s.IsZero() {
		t.Errorf("%v", err)
	}
	if err := json.Unmarshal([]byte(`"[redacted]"`), &s); err == nil || s.Reveal() != canary {
		t.Errorf("a redacted secret was read back: %v", err)
	}
	if err := json.Unmarshal([]byte(`""`), &s); err != nil || !s.IsZero() || s.Reveal() != "" {
		t.Errorf("an empty text is no absent secret: %v", err)
	}
}

func TestSecretsCompare(t *testing.T) {
	a, b := redact.NewSecret("a"), redact.NewSecret("a")
	if !a.Equal(b) || a.Equal(redact.NewSecret("b")) || a.Equal(redact.Secret{}) || !(redact.Secret{}).Equal(redact.NewSecret("")) {
		t.Error("Equal is wrong")
	}
}

func TestRawJSONIsKeptByteForByte(t *testing.T) {
	var held struct{ A redact.RawJSON }
	text := []byte(`{"A":{"z": 1.50,"a":"\u00e5"}}`)
	if err := json.Unmarshal(text, &held); err != nil {
		t.Fatal(err)
	}
	clear(text) // the decoder's input may be reused
	if got := string(held.A.Bytes()); got != `{"z": 1.50,"a":"\u00e5"}` {
		t.Errorf("kept %s", got)
	}
	if got, err := json.Marshal(struct{ A, B redact.RawJSON }{A: redact.NewRawJSON(`[1]`)}); err != nil || string(got) != `{"A":[1],"B":null}` {
		t.Errorf("encoded %s, %v", got, err)
	}
	if err := (*redact.RawJSON)(nil).UnmarshalJSON([]byte("1")); err == nil {
		t.Error("a nil RawJSON kept something")
	}
	if held.A.GoString() != "[24 bytes of JSON]" || (redact.Unknown{}).GoString() != "[redacted]" {
		t.Errorf("GoString is %s", held.A.GoString())
	}
}

func TestRawJSONComparesByteForByte(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{{"", "", true}, {"[1]", "[1]", true}, {"[1]", "[ 1]", false}, {"", "null", false}} {
		if got := redact.NewRawJSON(test.a).Equal(redact.NewRawJSON([]byte(test.b))); got != test.want {
			t.Errorf("%q equals %q: %t", test.a, test.b, got)
		}
	}
	if !redact.NewRawJSON([]byte(nil)).IsZero() || redact.NewRawJSON("1").IsZero() || redact.RawJSONOf(nil).Bytes() != nil {
		t.Error("IsZero is wrong")
	}
}

func TestFirstReturnsTheFirstValue(t *testing.T) {
	null, one := redact.NewRawJSON("null"), redact.NewRawJSON("1")
	if got := redact.FirstJSON(redact.RawJSON{}, null, one, redact.NewRawJSON("2")); !got.Equal(one) {
		t.Errorf("%s", got.Bytes())
	}
	if got := redact.FirstJSON(null); !got.IsZero() {
		t.Errorf("%s", got.Bytes())
	}
	if got := redact.FirstSecret(redact.Secret{}, redact.NewSecret("a"), redact.NewSecret("b")).Reveal(); got != "a" {
		t.Error(got)
	}
	if got := redact.FirstSecret(); !got.IsZero() {
		t.Error("there is a first of none")
	}
}

func TestOnlyShortPrintableTextIsShown(t *testing.T) {
	for text, want := range map[string]string{
		"krn:1": "krn:1", "": "", "å €": "å €", "a\nb": "[unprintable]", "\x1b[31m": "[unprintable]", "\xff": "[unprintable]", "\ufffd": "[unprintable]", "\u202e": "[unprintable]",
		strings.Repeat("a", 1020): strings.Repeat("a", 1020), strings.Repeat("a", 1021): "[unprintable]",
	} {
		if got := redact.Show(text); got != want {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}
