package wire

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// Reader reads JSON in one pass, in the order of the text and without reflection.
//
// Reader is liberal. A member of an unexpected type is kept as an unknown member and reported as a
// [Misfit]; only text that is not JSON is an error. In text that is not UTF-8, invalid bytes are
// read as U+FFFD. If an object repeats a name, the first member counts and the others are reported
// as Misfits.
//
// Its methods read the next value and report whether it fits. null fits and is read as the zero
// value. A value that does not fit remains to be read: [ReadObject] keeps it.
type Reader struct {
	text    []byte
	source  bytes.Buffer
	decoder jsontext.Decoder
	strings strings.Builder
	valid   bool // text is valid UTF-8
	raw     []byte
	taken   taken
	seen    uint64 // a bit for each member of the present object that was read
	misfits []Misfit
	err     error
}

// taken says what happened to a member that was not read.
type taken uint8

const (
	asNamed taken = iota
	asOther
	asRepeated
)

// Misfit is a value that was not read into its field.
type Misfit struct {
	// Path is the JSON path of the value.
	Path string
	// Found describes the value: "a string", "an object".
	Found string
	// Repeated reports that the name was read before, and that this value was ignored.
	Repeated bool
}

var readers = sync.Pool{New: func() any { return new(Reader) }}

// Read reads text, which is one JSON value. The text must not change while the result is in use,
// because raw JSON refers to it. Read returns the values that did not fit. The error is an [*Error]
// if the text is not JSON, or if the one value that read reads does not fit.
func Read(text []byte, read func(*Reader) (fits bool)) ([]Misfit, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	r := readers.Get().(*Reader)
	r.text, r.source, r.valid = text, *bytes.NewBuffer(text), utf8.Valid(text)
	r.decoder.Reset(&r.source, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	defer r.release()
	if !read(r) && r.err == nil {
		if value := r.value(); r.err == nil {
			r.err = &Error{text: "the JSON is" + found(kindOf(value))}
		}
	}
	if r.err == nil {
		r.end()
	}
	return r.misfits, r.err
}

// release drops the references to the text and to everything that was read from it.
func (r *Reader) release() {
	r.text, r.source, r.strings, r.raw, r.misfits, r.err = nil, bytes.Buffer{}, strings.Builder{}, nil, nil, nil
	r.taken, r.seen = 0, 0
	r.decoder.Reset(&r.source)
	readers.Put(r)
}

// end checks that nothing follows the value.
func (r *Reader) end() {
	if rest := bytes.TrimLeft(r.text[r.decoder.InputOffset():], " \t\r\n"); len(rest) > 0 {
		r.fail(&jsontext.SyntacticError{ByteOffset: int64(len(r.text) - len(rest))})
	}
}

func (r *Reader) fail(err error) {
	if errors.Is(err, io.EOF) { // the text is empty
		err = &jsontext.SyntacticError{ByteOffset: int64(len(r.text)), Err: io.ErrUnexpectedEOF}
	}
	r.err = describe("decode", err)
}

// ReadObject reads an object into value. It calls member for each member, and member reads the
// value. ReadObject keeps in unknown the values that do not fit and the members with other names.
func ReadObject[T any](value *T, r *Reader, unknown *redact.Unknown, member func(value *T, r *Reader, name []byte) (fits bool)) bool {
	if !r.begin('{') {
		return r.null()
	}
	before := r.seen
	r.seen = 0
	for {
		name, more := r.name()
		if !more {
			break
		}
		if !member(value, r, name) {
			r.keep(unknown, name)
		}
	}
	r.seen = before
	return true
}

// Members is [ReadObject] for an object whose other members are ignored.
func (r *Reader) Members(member func(name []byte) (fits bool)) bool {
	return ReadObject(r, r, nil, func(_ *Reader, _ *Reader, name []byte) bool { return member(name) })
}

// keep keeps a value that was not read.
func (r *Reader) keep(unknown *redact.Unknown, name []byte) {
	how := r.taken
	r.taken = asNamed
	value := r.value()
	if r.err != nil {
		return
	}
	if unknown != nil && how == asOther {
		if _, twice := (*unknown)[string(name)]; twice {
			how = asRepeated
		}
	}
	if how != asOther {
		r.misfits = append(r.misfits, Misfit{
			Path:     memberPath(string(r.decoder.StackPointer()), string(name)),
			Found:    Kind(value),
			Repeated: how == asRepeated,
		})
	}
	if how == asRepeated || unknown == nil {
		return
	}
	if *unknown == nil {
		*unknown = make(redact.Unknown)
	}
	(*unknown)[string(name)] = redact.RawJSONOf(value)
}

// Kind describes a JSON value in the form of [Misfit]: "a string".
func Kind(value []byte) string { return strings.TrimPrefix(found(kindOf(value)), " ") }

// Other returns the result for a member with an unknown name.
func (r *Reader) Other() bool {
	r.taken = asOther
	return false
}

// Once reports whether a member is the first with its name in its object. number identifies the
// name and is from 0 to 63.
func (r *Reader) Once(number int) bool {
	bit := uint64(1) << number
	if r.seen&bit != 0 {
		r.taken = asRepeated
		return false
	}
	r.seen |= bit
	return true
}

// Elements reads an array. It calls element for each value, and element reads the value. The array
// fits if all values do. null is an array without elements.
func (r *Reader) Elements(element func() (fits bool)) bool {
	if !r.begin('[') {
		return r.null()
	}
	from := int(r.decoder.InputOffset()) - 1
	fits := true
	for r.err == nil && r.decoder.PeekKind() != ']' {
		switch {
		case r.isBroken():
		case !fits:
			r.value()
		case !element():
			r.value()
			fits = false
		}
	}
	r.token()
	return fits || r.giveBack(r.since(from))
}

// begin reads the beginning of an object or an array if it is next.
func (r *Reader) begin(kind jsontext.Kind) bool {
	if r.raw != nil || r.err != nil || r.decoder.PeekKind() != kind {
		return false
	}
	r.token()
	return true
}

// null reads null if it is next, or text that cannot be read.
func (r *Reader) null() bool {
	if r.raw != nil {
		return false
	}
	if !r.isBroken() && r.decoder.PeekKind() == 'n' {
		r.token()
		return true
	}
	return r.err != nil
}

// name reads the name of the next member, or the end of the object. The name is valid as long as
// the text.
func (r *Reader) name() (name []byte, more bool) {
	from := int(r.decoder.InputOffset())
	if r.token() != '"' {
		return nil, false
	}
	for r.text[from] != '"' { // white space and a comma
		from++
	}
	return r.unquoted(r.text[from:r.decoder.InputOffset()]), true
}

// isBroken reports whether the next value cannot be read, and stores the error.
func (r *Reader) isBroken() bool {
	if r.err == nil && r.decoder.PeekKind() == 0 {
		r.token()
	}
	return r.err != nil
}

// token reads the next token and returns its kind, or 0 if there is none.
func (r *Reader) token() jsontext.Kind {
	if r.err != nil {
		return 0
	}
	token, err := r.decoder.ReadToken()
	if err != nil {
		r.fail(err)
		return 0
	}
	return token.Kind()
}

// value reads the next value of any kind.
func (r *Reader) value() []byte {
	if raw := r.raw; raw != nil {
		r.raw = nil
		return raw
	}
	if r.err != nil {
		return nil
	}
	value, err := r.decoder.ReadValue()
	if err != nil {
		r.fail(err)
		return nil
	}
	return r.since(int(r.decoder.InputOffset()) - len(value))
}

// since returns the text that was read since an offset.
func (r *Reader) since(from int) []byte {
	end := r.decoder.InputOffset()
	return r.text[from:end:end]
}

// giveBack keeps a value that did not fit for the next read.
func (r *Reader) giveBack(value []byte) bool {
	r.raw = value
	return r.err != nil
}

// IsString reports whether the next value is a string.
func (r *Reader) IsString() bool {
	if r.raw != nil {
		return isString(r.raw)
	}
	return r.err == nil && r.decoder.PeekKind() == '"'
}

// ReadRaw reads any value as it is, including null.
func ReadRaw(to *redact.RawJSON, r *Reader) bool {
	*to = redact.RawJSONOf(r.value())
	return true
}

// ReadRawOf is [ReadRaw] for a value that read also reads. A value that does not fit is kept
// nevertheless.
func ReadRawOf(to *redact.RawJSON, r *Reader, read func() (fits bool)) (fits bool) {
	from := int(r.decoder.InputOffset())
	if !read() {
		ReadRaw(to, r)
		return false
	}
	if r.err == nil {
		// White space and the colon after the name precede the value.
		*to = redact.RawJSONOf(bytes.TrimLeft(r.since(from), ": \t\r\n"))
	}
	return true
}

// ReadPointer reads an optional value: null is nil.
func ReadPointer[T any](to **T, r *Reader, read func(value *T, r *Reader) (fits bool)) bool {
	if *to = nil; r.null() {
		return true
	}
	value := new(T)
	if !read(value, r) {
		return false
	}
	*to = value
	return true
}

// ReadValue reads a value with the decoder of its type. If the value does not fit, it is zero.
func ReadValue[T any](to *T, r *Reader, read func(value *T, r *Reader) (fits bool)) bool {
	*to = *new(T)
	return read(to, r)
}

// ReadList reads an array; null is nil.
func ReadList[T any](to *[]T, r *Reader, read func(element *T, r *Reader) (fits bool)) bool {
	if *to = nil; r.null() {
		return true
	}
	list := make([]T, 0, 2)
	fits := r.Elements(func() bool {
		list = append(list, *new(T))
		return read(&list[len(list)-1], r)
	})
	if fits {
		*to = list
	}
	return fits
}

// ReadText reads a string into any string type.
func ReadText[T ~string](to *T, r *Reader) bool {
	value := r.value()
	switch {
	case isNull(value):
		*to = ""
	case isString(value):
		*to = T(r.own(r.unquoted(value)))
	default:
		return r.giveBack(value)
	}
	return true
}

// ReadEnum is [ReadText] for a type whose known values are in upper case. A known value in another
// case is read as that value.
func ReadEnum[T ~string](to *T, r *Reader, known []T) bool {
	if !ReadText(to, r) {
		return false
	}
	if strings.ContainsFunc(string(*to), func(c rune) bool { return c < 'A' || c > '_' }) {
		for _, value := range known {
			if strings.EqualFold(string(value), string(*to)) {
				*to = value
			}
		}
	}
	return true
}

// own returns text as a string. Short strings with the same text share their memory, because an
// object has many. 384 bytes hold those of a webhook.
func (r *Reader) own(text []byte) string {
	const short = 96
	if len(text) > short {
		return string(text)
	}
	if r.strings.Cap()-r.strings.Len() < len(text) {
		r.strings = strings.Builder{}
		r.strings.Grow(384)
	}
	start := r.strings.Len()
	r.strings.Write(text)
	return r.strings.String()[start:]
}

// ReadSecret reads a string as a secret. [redacted], which replaces a secret in encoded values, is
// read as no secret.
func ReadSecret(to *redact.Secret, r *Reader) bool {
	var text string
	if !ReadText(&text, r) {
		return false
	}
	*to = redact.Secret{}
	if text != redact.Text {
		*to = redact.NewSecret(text)
	}
	return true
}

// ReadBool reads true or false.
func ReadBool[T ~bool](to *T, r *Reader) bool {
	switch value := r.value(); string(value) {
	case "true":
		*to = true
	case "false", "null", "":
		*to = false
	default:
		return r.giveBack(value)
	}
	return true
}

// ReadInt reads a whole number in any notation: 1000, 1000.0, 1e3 or "1000".
func ReadInt[T ~int | ~int64](to *T, r *Reader) bool {
	value := r.value()
	if isNull(value) {
		*to = 0
		return true
	}
	n, ok := integer(r.number(value))
	if *to = T(n); !ok || int64(*to) != n {
		*to = 0
		return r.giveBack(value)
	}
	return true
}

// ReadFloat reads a number.
func ReadFloat[T ~float64](to *T, r *Reader) bool {
	value := r.value()
	if isNull(value) {
		*to = 0
		return true
	}
	text := r.number(value)
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !isNumber(text) {
		return r.giveBack(value)
	}
	*to = T(n)
	return true
}

// number returns the text of a number, which may be in a string.
func (r *Reader) number(value []byte) []byte {
	if isString(value) {
		return r.unquoted(value)
	}
	return value
}

// ReadTime reads a time as UTC.
func ReadTime(to *time.Time, r *Reader) bool {
	value := r.value()
	if isNull(value) {
		*to = time.Time{}
		return true
	}
	var ok bool
	if *to, ok = parseTime(value); !ok {
		return r.giveBack(value)
	}
	return true
}

// ReadUnmarshaler reads a value of another package's type, which decodes itself.
func ReadUnmarshaler[T interface{ UnmarshalJSON(text []byte) error }](to T, r *Reader) bool {
	value := r.value()
	if isNull(value) {
		return true
	}
	if err := to.UnmarshalJSON(value); err != nil {
		return r.giveBack(value)
	}
	return true
}

// isNull reports whether value is null. A value that is missing after an error counts as null.
func isNull(value []byte) bool { return len(value) == 0 || value[0] == 'n' }

func isString(value []byte) bool { return len(value) > 1 && value[0] == '"' }

func kindOf(value []byte) jsontext.Kind { return jsontext.Value(value).Kind() }

// unquoted returns the text of a string, which is a part of value unless it has escapes or is not
// UTF-8.
func (r *Reader) unquoted(value []byte) []byte {
	if len(value) < 2 {
		return nil
	}
	if bytes.IndexByte(value, '\\') < 0 && (r.valid || utf8.Valid(value)) {
		return value[1 : len(value)-1]
	}
	// The decoder has already read the value. Invalid UTF-8 is replaced, which the error reports.
	text, _ := jsontext.AppendUnquote(nil, value)
	return text
}

// Skip reads a value and discards it.
func (r *Reader) Skip() bool {
	r.taken = asNamed
	r.value()
	return true
}
