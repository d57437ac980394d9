package strictjson

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// timeLayouts are the ways in which ISO 8601 writes a time with its zone, the standard one first. A fraction of a second is
// read by all of them.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", time.DateOnly}

// encodeTime writes a time as UTC, as decodeTime reads it: a request that was stored and read back, on whatever machine, must be the same bytes
// and so have the same idempotency key.
func encodeTime(enc *jsontext.Encoder, t time.Time) error {
	text, err := t.UTC().MarshalText()
	if err != nil {
		return err
	}
	return enc.WriteToken(jsontext.String(string(text)))
}

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
