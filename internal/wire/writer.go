package wire

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// Writer writes JSON without reflection. The same value gives the same bytes, because idempotency
// keys are derived from them. Writer is strict: a string that is not UTF-8, a number that JSON does
// not have, invalid raw JSON and a repeated member are errors that name their position.
type Writer struct {
	text    []byte
	reveal  bool
	lenient bool
	reason  string // the first problem, "" if there is none
	at      int    // its offset in text
}

var writers = sync.Pool{New: func() any { return new(Writer) }}

// Encode returns the JSON that encode writes, including secrets. It is for values that are sent to
// Klarna.
func Encode(encode func(*Writer)) ([]byte, error) { return write(encode, true, false) }

// Marshal returns the JSON that encode writes, with [redacted] for each secret. In raw JSON that is
// not valid UTF-8, U+FFFD replaces the invalid bytes. Marshal is for MarshalJSON methods.
func Marshal(encode func(*Writer)) ([]byte, error) { return write(encode, false, true) }

func write(encode func(*Writer), reveal, lenient bool) ([]byte, error) {
	w := writers.Get().(*Writer)
	defer func() {
		if cap(w.text) > 64<<10 {
			w.text = nil
		}
		writers.Put(w)
	}()
	w.text, w.reveal, w.lenient, w.reason, w.at = w.text[:0], reveal, lenient, "", 0
	encode(w)
	if w.reason != "" {
		path := pathAt(w.text, w.at)
		return nil, &Error{Path: path, Reason: w.reason, text: "cannot encode" + at(path) + " " + w.reason}
	}
	return bytes.Clone(w.text), nil
}

// pathAt returns the JSON path of the value that begins at an offset of text.
func pathAt(text []byte, at int) string {
	decoder := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))
	for decoder.InputOffset() <= int64(at) {
		if _, err := decoder.ReadToken(); err != nil {
			break
		}
	}
	return Path(string(decoder.StackPointer()))
}

func (w *Writer) refuse(at int, reason string) {
	if w.reason == "" {
		w.reason, w.at = reason, at
	}
}

// Begin writes the opening brace of an object.
func (w *Writer) Begin() { w.text = append(w.text, '{') }

// End writes the unknown members of an object and the closing brace.
func (w *Writer) End(unknown redact.Unknown) {
	if len(unknown) > 0 {
		for _, name := range slices.Sorted(maps.Keys(unknown)) {
			w.comma()
			w.quote(name)
			w.text = append(w.text, ':')
			w.raw(unknown[name].Bytes())
		}
	}
	w.text = append(w.text, '}')
}

// Member writes the name of a member and reports whether its value must be written. An unknown
// member with the same name replaces a member that is zero, and is an error for a member that is
// not zero.
func (w *Writer) Member(unknown redact.Unknown, name string, zero bool) bool {
	if len(unknown) > 0 {
		if _, twice := unknown[name]; twice {
			if zero {
				return false
			}
			defer w.refuse(len(w.text)+len(name)+4, "a member that is in Unknown, too")
		}
	}
	w.comma()
	w.text = append(w.text, '"')
	w.text = append(w.text, name...)
	w.text = append(w.text, '"', ':')
	return true
}

// comma separates a member or an element from the previous one.
func (w *Writer) comma() {
	switch w.text[len(w.text)-1] {
	case '{', '[', ':':
	default:
		w.text = append(w.text, ',')
	}
}

// WriteText writes a string.
func WriteText[T ~string](s *T, w *Writer) { w.quote(string(*s)) }

func (w *Writer) quote(s string) {
	start := len(w.text)
	plain := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		w.text = append(w.text, '"')
		w.text = append(w.text, s...)
		w.text = append(w.text, '"')
		return
	}
	var err error
	if w.text, err = jsontext.AppendQuote(w.text, s); err != nil {
		w.refuse(start, notUTF8)
	}
}

// WriteSecret writes a secret, or [redacted] if secrets are hidden.
func WriteSecret(s *redact.Secret, w *Writer) {
	if w.reveal {
		w.quote(s.Reveal())
		return
	}
	w.quote(s.String())
}

// WriteBool writes a boolean.
func WriteBool[T ~bool](b *T, w *Writer) { w.text = strconv.AppendBool(w.text, bool(*b)) }

// WriteInt writes a number.
func WriteInt[T ~int | ~int64](n *T, w *Writer) { w.text = strconv.AppendInt(w.text, int64(*n), 10) }

// WriteFloat writes a number in the format of ECMAScript.
func WriteFloat[T ~float64](n *T, w *Writer) {
	f := float64(*n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		w.refuse(len(w.text), "a number that JSON does not have")
		f = 0
	}
	w.text = append(w.text, jsontext.Float(f).String()...)
}

// WriteTime writes a time as UTC.
func WriteTime(t *time.Time, w *Writer) {
	start := len(w.text)
	w.text = append(w.text, '"')
	text, err := t.UTC().AppendText(w.text)
	if err != nil {
		w.refuse(start, "a time whose year JSON cannot say")
		text = w.text
	}
	w.text = append(text, '"')
}

// WriteRaw writes raw JSON, or null if it is empty.
func WriteRaw(raw *redact.RawJSON, w *Writer) {
	w.raw(raw.Bytes())
}

// compact makes the JSON module write raw JSON without white space and with the shortest form of
// strings.
var compact = []jsontext.Options{jsontext.Multiline(false), jsontext.SpaceAfterColon(false), jsontext.SpaceAfterComma(false)}

func (w *Writer) raw(text []byte) {
	if len(text) == 0 {
		w.text = append(w.text, "null"...)
		return
	}
	start := len(w.text)
	options := compact
	if w.lenient {
		options = append(slices.Clip(options), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	}
	formatted, err := jsontext.AppendFormat(w.text, text, options...)
	if err != nil {
		w.text = append(w.text[:start], "null"...)
		w.refuse(start, "raw JSON that is not valid")
		return
	}
	w.text = formatted
}

// WriteMarshaler writes a value of another package's type, which encodes itself.
func WriteMarshaler(value json.Marshaler, w *Writer) {
	text, err := value.MarshalJSON()
	if err != nil {
		w.refuse(len(w.text), err.Error())
		text = nil
	}
	w.raw(text)
}

// WriteList writes an array.
func WriteList[T any](list *[]T, w *Writer, write func(*T, *Writer)) {
	w.text = append(w.text, '[')
	for i := range *list {
		if i > 0 {
			w.text = append(w.text, ',')
		}
		write(&(*list)[i], w)
	}
	w.text = append(w.text, ']')
}
