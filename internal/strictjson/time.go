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
	*t = parseTime(value)
	return nil
}

// parseTime reads a JSON value as a time.
func parseTime(value []byte) time.Time {
	if !isString(value) {
		return time.Time{}
	}
	var standard time.Time
	if standard.UnmarshalText(value[1:len(value)-1]) == nil { // nearly always, and faster
		return inJSON(standard)
	}
	text := string(unquoted(value))
	for _, layout := range timeLayouts {
		if parsed, err := time.Parse(layout, text); err == nil {
			return inJSON(parsed)
		}
	}
	return time.Time{}
}

// inJSON is a time in UTC, or the zero time for one that JSON cannot say again.
func inJSON(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}
