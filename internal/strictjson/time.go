package strictjson

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// timeLayouts are the ways in which ISO 8601 writes a time with its zone, the standard one first. A fraction of a second is
// read by all of them.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", time.DateOnly}

// decodeTime reads a time as UTC. One that cannot be read is the zero time: a time of a new form must not make a payment's whole
// answer unreadable.
func decodeTime(dec *jsontext.Decoder, t *time.Time) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	*t = time.Time{}
	if value.Kind() != '"' {
		return nil
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return err
	}
	for _, layout := range timeLayouts {
		if parsed, err := time.Parse(layout, string(text)); err == nil {
			if utc := parsed.UTC(); utc.Year() >= 0 && utc.Year() <= 9999 { // what JSON can say again
				*t = utc
			}
			return nil
		}
	}
	return nil
}
