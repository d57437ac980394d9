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

// Reader reads JSON in one pass and in its order, without reflection and with few allocations. It is for what has to be fast, such as webhooks; everything
// else is read by Unmarshal, which refuses the same texts.
//
// Its methods read the value that comes next and report whether it fitted; null fits, and is the zero value. A value that did not fit is still
// to be read, with Raw or Skip. Once the text itself is wrong, they read nothing more and report true, for nobody to look for a remedy: Read returns
// the error.
type Reader struct {
	text    []byte
	source  bytes.Buffer
	decoder jsontext.Decoder
	strings strings.Builder
	raw     []byte // the last value that was read and did not fit; nil where it was not read
	err     error
}

var readers = sync.Pool{New: func() any { return new(Reader) }}

// Read reads text, which is one JSON value and must not change meanwhile. What read takes from the Reader with Raw is a part of text.
func Read(text []byte, read func(*Reader)) error { return readWith(text, read, strict) }

// Reread is Read for a part of what was read before, which therefore repeats no name: looking for one again takes a quarter of the time.
func Reread(text []byte, read func(*Reader)) error { return readWith(text, read, checked) }

var (
	strict  = jsontext.AllowDuplicateNames(false)
	checked = jsontext.AllowDuplicateNames(true)
)

func readWith(text []byte, read func(*Reader), names jsontext.Options) error {
	r := readers.Get().(*Reader)
	r.text, r.source = text, *bytes.NewBuffer(text)
	r.decoder.Reset(&r.source, names)
	defer r.release()
	read(r)
	if r.err == nil {
		r.end()
	}
	return r.err
}

// release forgets the text and everything that was read of it.
func (r *Reader) release() {
	r.text, r.source, r.strings, r.raw, r.err = nil, bytes.Buffer{}, strings.Builder{}, nil, nil
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

// Members reads an object: it calls member at each of its members, which reads the value. The first value that member reports as not fitting
// is the Reader's error. The name is valid as long as the text. Null is an object without members.
func (r *Reader) Members(member func(name []byte) (fits bool)) bool {
	if r.raw != nil || r.err != nil {
		return r.err != nil
	}
	switch r.decoder.PeekKind() {
	case 'n':
		return r.Skip()
	case '{':
	default:
		return r.isBroken()
	}
	r.token()
	for {
		name, more := r.name()
		if !more {
			return true
		}
		if !member(name) && r.err == nil {
			r.err = r.misfit()
		}
	}
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
	if r.decoder.PeekKind() == 0 {
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
	end := int(r.decoder.InputOffset())
	return r.text[end-len(value) : end : end]
}

// give keeps a value that did not fit for whoever asks next.
func (r *Reader) give(back []byte) bool {
	r.raw = back
	return r.err != nil
}

// Skip reads a value and forgets it.
func (r *Reader) Skip() bool {
	r.value()
	return true
}

// Raw reads any value as it is, null as well.
func (r *Reader) Raw(to *redact.RawJSON) bool {
	*to = r.value()
	return true
}

// Keep reads any value as an unknown member.
func (r *Reader) Keep(to *redact.Fields, name []byte) bool {
	value := r.value()
	if r.err != nil {
		return true
	}
	if *to == nil {
		*to = make(redact.Fields)
	}
	(*to)[string(name)] = value
	return true
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

// own makes a string that shares its memory with those of the same text, because a small object has many. 256 bytes hold the ids of
// most.
func (r *Reader) own(text []byte) string {
	if r.strings.Cap() == 0 {
		r.strings.Grow(max(256, len(text)))
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

// Int reads a whole number; nil stands for null.
func (r *Reader) Int(to **int64) bool {
	value := r.value()
	if isNull(value) {
		*to = nil
		return true
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return r.give(value)
	}
	*to = &n
	return true
}

// Time reads a time as Unmarshal does: one that cannot be read is the zero time.
func (r *Reader) Time(to *time.Time) bool {
	*to = parseTime(r.value())
	return true
}

// misfit is the error of the value that was just read, or comes next.
func (r *Reader) misfit() error {
	value := r.value()
	if r.err != nil {
		return r.err
	}
	path := Path(string(r.decoder.StackPointer()))
	return &Error{Path: path, reason: "cannot decode" + at(path) + found(jsontext.Value(value).Kind())}
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
