package wire

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// timeLayouts are the accepted forms of ISO 8601, the most frequent one first. Each accepts a
// fraction of a second if it has seconds. A time without a zone is UTC.
var timeLayouts = func() []string {
	layouts := []string{time.RFC3339Nano}
	for _, clock := range []string{"T15:04:05", "T15:04", "T15"} {
		for _, zone := range []string{"Z07:00", "Z0700", "Z07", ""} {
			layouts = append(layouts, time.DateOnly+clock+zone)
		}
	}
	layouts = append(layouts, time.DateOnly)
	for _, clock := range []string{"T150405", "T1504"} {
		for _, zone := range []string{"Z0700", "Z07:00", "Z07", ""} {
			layouts = append(layouts, "20060102"+clock+zone)
		}
	}
	return layouts
}()

// encodeTime writes a time as UTC for values that the JSON module encodes.
func encodeTime(enc *jsontext.Encoder, t time.Time) error {
	text, err := t.UTC().MarshalText()
	if err != nil {
		return err
	}
	return enc.WriteToken(jsontext.String(string(text)))
}

// decodeTime reads a time as UTC for values that the JSON module decodes. A time that cannot be
// read is the zero time.
func decodeTime(dec *jsontext.Decoder, t *time.Time) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	*t, _ = parseTime(value)
	return nil
}

// parseTime reads a JSON value as a time. The empty string is the zero time.
func parseTime(value []byte) (t time.Time, ok bool) {
	if !isString(value) {
		return time.Time{}, false
	}
	if t.UnmarshalText(value[1:len(value)-1]) == nil { // this is the usual form, and faster
		return inJSON(t)
	}
	unquoted, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return time.Time{}, false
	}
	text := strings.ToUpper(strings.TrimSpace(string(unquoted)))
	if text == "" {
		return time.Time{}, true
	}
	if len(text) > len(time.DateOnly) && text[len(time.DateOnly)] == ' ' {
		text = text[:len(time.DateOnly)] + "T" + text[len(time.DateOnly)+1:]
	}
	for _, layout := range timeLayouts {
		if parsed, err := time.Parse(layout, text); err == nil {
			return inJSON(parsed)
		}
	}
	return time.Time{}, false
}

// inJSON returns t in UTC. ok is false if JSON has no form for it.
func inJSON(t time.Time) (time.Time, bool) {
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}, false
	}
	return t, true
}
