package strictjson

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// Reader reads JSON in one pass and in its order, without reflection and with few allocations. It is for what is read on every payment, answers and
// webhooks; everything else is read by Unmarshal, which refuses the same texts.
//
// Its methods read the value that comes next and report whether it fitted; null fits, and is the zero value. A value that did not fit can be
// taken with Keep, Raw or Skip; otherwise it is the error of Read. Once the text itself is wrong, the methods read nothing more and report
// true, for nobody to look for a remedy.
type Reader struct {
	text    []byte
	source  bytes.Buffer
	decoder jsontext.Decoder
	strings strings.Builder
	raw     []byte // the last value that was read and did not fit; nil where it was not read
	misfit  error  // the first value that did not fit and was not taken
	err     error  // what is wrong with the text
}

var readers = sync.Pool{New: func() any { return new(Reader) }}

// Destination is what reads itself. Unmarshal lets it.
type Destination interface{ ReadJSON(r *Reader) (fits bool) }

// Read reads text, which is one JSON value and must not change meanwhile. What is taken from the Reader as raw JSON is a part of text.
func Read(text []byte, read func(*Reader) (fits bool)) error {
	r := readers.Get().(*Reader)
	r.text, r.source = text, *bytes.NewBuffer(text)
	r.decoder.Reset(&r.source)
	defer r.release()
	if !read(r) {
		r.refuse()
	}
	if r.err == nil {
		r.end()
	}
	if r.err != nil {
		return r.err
	}
	return r.misfit
}

// release forgets the text and everything that was read of it.
func (r *Reader) release() {
	r.text, r.source, r.strings, r.raw, r.misfit, r.err = nil, bytes.Buffer{}, strings.Builder{}, nil, nil, nil
	r.decoder.Reset(&r.source)
	readers.Put(r)
}

// end makes sure that nothing follows.
func (r *Reader) end() {
	if rest := bytes.TrimLeft(r.text[r.decoder.InputOffset():], " \t\r\n"); len(rest) > 0 {
		r.fail(&jsontext.SyntacticError{ByteOffset: int64(len(r.text) - len(rest))})
	}
}

func (r *Reader) fail(err error) {
	if errors.Is(err, io.EOF) { // nothing at all
		err = &jsontext.SyntacticError{ByteOffset: int64(len(r.text)), Err: io.ErrUnexpectedEOF}
	}
	r.err = describe("decode", err)
}

// Members reads an object: it calls member at each of its members, which reads the value. The object fits if all of its members do. The name is valid
// as long as the text. Null is an object without members.
func (r *Reader) Members(member func(name []byte) (fits bool)) bool {
	from, begun := r.begin('{')
	if !begun {
		return r.null()
	}
	fits := true
	for {
		name, more := r.name()
		switch {
		case !more:
			return fits || r.give(r.since(from))
		case !fits:
			r.value()
		case !member(name):
			r.refuse()
			fits = false
		}
	}
}

// Elements reads an array: it calls element at each of its values, which reads it. The array fits if all of them do. Null is an array without
// elements.
func (r *Reader) Elements(element func() (fits bool)) bool {
	from, begun := r.begin('[')
	if !begun {
		return r.null()
	}
	fits := true
	for r.err == nil && r.decoder.PeekKind() != ']' {
		switch {
		case r.isBroken():
		case !fits:
			r.value()
		case !element():
			r.refuse()
			fits = false
		}
	}
	r.token()
	return fits || r.give(r.since(from))
}

// begin reads the beginning of an object or an array, if that is what comes next, and returns where it stands.
func (r *Reader) begin(kind jsontext.Kind) (from int, begun bool) {
	if r.raw != nil || r.err != nil || r.decoder.PeekKind() != kind {
		return 0, false
	}
	r.token()
	return int(r.decoder.InputOffset()) - 1, true
}

// null reads null, if that is what comes next, or what cannot be read at all.
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

// name reads the name of the next member, or the object's end.
func (r *Reader) name() (name []byte, more bool) {
	from := int(r.decoder.InputOffset())
	if r.token() != '"' {
		return nil, false
	}
	for r.text[from] != '"' { // white space and a comma
		from++
	}
	return unquoted(r.text[from:r.decoder.InputOffset()]), true
}

// isBroken reports whether the next value cannot be read at all, and remembers why.
func (r *Reader) isBroken() bool {
	if r.err == nil && r.decoder.PeekKind() == 0 {
		r.token()
	}
	return r.err != nil
}

// token reads the next token and returns its kind, 0 for none.
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

// value reads what comes next, whatever it is.
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

// since is what was read since that place.
func (r *Reader) since(from int) []byte {
	end := r.decoder.InputOffset()
	return r.text[from:end:end]
}

// give keeps a value that did not fit for whoever takes it.
func (r *Reader) give(back []byte) bool {
	r.raw = back
	return r.err != nil
}

// take reads a value that may be of any kind, or the one that did not fit.
func (r *Reader) take() []byte {
	value := r.value()
	r.misfit = nil
	return value
}

// refuse reads a value that did not fit and that nobody took.
func (r *Reader) refuse() {
	value := r.value()
	if r.err == nil && r.misfit == nil {
		path := Path(string(r.decoder.StackPointer()))
		r.misfit = &Error{Path: path, reason: "cannot decode" + at(path) + found(jsontext.Value(value).Kind())}
	}
}

// Invalid makes the reason, which must quote nothing of the text, the error of Read. It is for what was read whole and makes no sense.
func (r *Reader) Invalid(reason string) bool {
	r.misfit = Invalid(reason)
	return true
}

// IsString reports whether the next value is a string, or the one that did not fit.
func (r *Reader) IsString() bool {
	if r.raw != nil {
		return isString(r.raw)
	}
	return r.err == nil && r.decoder.PeekKind() == '"'
}

// Skip reads a value and forgets it.
func (r *Reader) Skip() bool {
	r.take()
	return true
}

// Raw reads any value as it is, null as well.
func (r *Reader) Raw(to *redact.RawJSON) bool {
	*to = r.take()
	return true
}

// RawOf is Raw for a value that read reads as well. A value that does not fit is read all the same.
func (r *Reader) RawOf(to *redact.RawJSON, read func() (fits bool)) (fits bool) {
	from := int(r.decoder.InputOffset())
	if !read() {
		r.Raw(to)
		return false
	}
	if r.err == nil {
		// What lies before it is white space and the colon behind its name.
		*to = bytes.TrimLeft(r.since(from), ": \t\r\n")
	}
	return true
}

// Keep reads any value as an unknown member.
func (r *Reader) Keep(to *redact.Fields, name []byte) bool {
	value := r.take()
	if r.err != nil {
		return true
	}
	if *to == nil {
		*to = make(redact.Fields)
	}
	(*to)[string(name)] = value
	return true
}

// Object reads an object into value, which is zero where the object does not fit.
func Object[T any](r *Reader, value *T, member func(value *T, r *Reader, name []byte) (fits bool)) bool {
	fits := r.Members(func(name []byte) bool { return member(value, r, name) })
	if !fits {
		*value = *new(T)
	}
	return fits
}

// NewObject is Object for one that may be missing: null is nil.
func NewObject[T any](r *Reader, to **T, member func(value *T, r *Reader, name []byte) (fits bool)) bool {
	return New(r, to, func(value *T) bool { return Object(r, value, member) })
}

// New reads a value that may be missing: null is nil.
func New[T any](r *Reader, to **T, read func(value *T) (fits bool)) bool {
	if *to = nil; r.null() {
		return true
	}
	value := new(T)
	if !read(value) {
		return false
	}
	*to = value
	return true
}

// Slice reads an array; null is nil.
func Slice[T any](r *Reader, to *[]T, read func(element *T) (fits bool)) bool {
	if *to = nil; r.null() {
		return true
	}
	list := make([]T, 0, 2)
	fits := r.Elements(func() bool {
		list = append(list, *new(T))
		return read(&list[len(list)-1])
	})
	if fits {
		*to = list
	}
	return fits
}

// Text reads a string into any type of strings.
func Text[T ~string](r *Reader, to *T) bool {
	value := r.value()
	switch {
	case isNull(value):
		*to = ""
	case isString(value):
		*to = T(r.own(unquoted(value)))
	default:
		return r.give(value)
	}
	return true
}

// own makes a string. Short ones share their memory with others of the same text, because an object has many; 384 bytes hold those of a webhook.
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

// Secret reads a string as a secret.
func (r *Reader) Secret(to *redact.Secret) bool {
	value := r.value()
	switch {
	case isNull(value):
		*to = redact.Secret{}
	case isString(value) && to.UnmarshalText(unquoted(value)) == nil:
	default:
		return r.give(value)
	}
	return true
}

// Bool reads true or false.
func (r *Reader) Bool(to *bool) bool {
	switch value := r.value(); string(value) {
	case "true":
		*to = true
	case "false", "null", "":
		*to = false
	default:
		return r.give(value)
	}
	return true
}

// Int reads a whole number.
func (r *Reader) Int(to *int64) bool {
	value := r.value()
	if isNull(value) {
		*to = 0
		return true
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return r.give(value)
	}
	*to = n
	return true
}

// Time reads a time as Unmarshal does: one that cannot be read is the zero time.
func (r *Reader) Time(to *time.Time) bool {
	*to = parseTime(r.value())
	return true
}

// isNull takes the absence of a value, after an error, for null.
func isNull(value []byte) bool { return len(value) == 0 || value[0] == 'n' }

func isString(value []byte) bool { return len(value) > 1 && value[0] == '"' }

// unquoted is the text of a string, which is a part of it unless it has escapes.
func unquoted(value []byte) []byte {
	if len(value) < 2 {
		return nil
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil { // the decoder has read it already
		return nil
	}
	return text
}
