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
type personal struct{ Name string }

func (p personal) Format(s fmt.State, _ rune) { redact.Personal(s, "pkg.Personal") }
func (p personal) LogValue() slog.Value       { return redact.LogPersonal("pkg.Personal") }

func TestEveryVerbPrintsTheStandIn(t *testing.T) {
	values := map[string]struct {
		value any
		want  string
	}{
		"a secret":             {redact.NewSecret(canary), "[redacted]"},
		"a pointer to one":     {new(redact.NewSecret(canary)), "[redacted]"},
		"no secret":            {redact.Secret{}, ""},
		"raw JSON":             {redact.RawJSON(canary), "[11 bytes of JSON]"},
		"fields":               {redact.Fields{canary: redact.RawJSON(canary)}, "[1 unknown fields]"},
		"a personal value":     {personal{canary}, "pkg.Personal{[redacted]}"},
		"a pointer to such":    {&personal{canary}, "pkg.Personal{[redacted]}"},
		"raw JSON of nothing":  {redact.RawJSON(nil), "[0 bytes of JSON]"},
		"fields that are none": {redact.Fields(nil), "[0 unknown fields]"},
	}
	for name, test := range values {
		t.Run(name, func(t *testing.T) {
			for verb := 'A'; verb <= 'z'; verb++ {
				if verb == 'T' || verb == 'p' || verb == 'w' || verb > 'Z' && verb < 'a' {
					continue // fmt answers these itself
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

func TestASecretInAnUnexportedFieldIsAnAddress(t *testing.T) {
	hidden := struct{ secret redact.Secret }{redact.NewSecret(canary)}
	for verb := 'A'; verb <= 'z'; verb++ {
		for _, flags := range []string{"", "+", "#"} {
			for _, value := range []any{hidden, &hidden, []any{hidden}, redact.NewSecret(canary)} {
				got := fmt.Sprintf("%"+flags+string(verb), value)
				if strings.Contains(got, canary) || strings.Contains(strings.ToLower(got), fmt.Sprintf("%x", canary)) {
					t.Errorf("%%%s%c prints %s", flags, verb, got)
				}
			}
		}
	}
}

func TestSecretsEncodeAsTheStandIn(t *testing.T) {
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
	if key, err := json.Marshal(map[redact.Secret]int{s: 1}); err != nil || string(key) != `{"[redacted]":1}` {
		t.Errorf("as a key: %s, %v", key, err)
	}
	if s.String() != "[redacted]" || s.GoString() != "[redacted]" || (redact.Secret{}).GoString() != "" {
		t.Error("String or GoString is something else")
	}
}

func TestASecretIsReadAndRevealed(t *testing.T) {
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
	clear(text) // what was decoded from may be used again
	if got := string(held.A); got != `{"z": 1.50,"a":"\u00e5"}` {
		t.Errorf("kept %s", got)
	}
	if got, err := json.Marshal(struct{ A, B redact.RawJSON }{A: redact.RawJSON(`[1]`)}); err != nil || string(got) != `{"A":[1],"B":null}` {
		t.Errorf("encoded %s, %v", got, err)
	}
	if err := (*redact.RawJSON)(nil).UnmarshalJSON([]byte("1")); err == nil {
		t.Error("a nil RawJSON kept something")
	}
	if held.A.GoString() != "[24 bytes of JSON]" || (redact.Fields{}).GoString() != "[0 unknown fields]" {
		t.Errorf("GoString is %s", held.A.GoString())
	}
}
