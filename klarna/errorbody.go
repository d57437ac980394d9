package klarna

import "github.com/klarna-go/klarna-go/internal/wire"

const (
	// maxValidationErrors and maxErrorTexts bound what is kept of an error body.
	maxValidationErrors = 100
	maxErrorTexts       = 16 << 10
	// maxErrorName bounds each of the code, the type and the id. Room is reserved for them, so that
	// a long message before them does not leave them out.
	maxErrorName = 256
)

// errorBody is the body of an error answer. Its form differs between Klarna's versions, so each
// member is read separately: a member of an unexpected type does not affect the others.
type errorBody struct {
	id, kind, code, message, docURL string
	problems                        []ValidationError

	left int // bytes of text that may still be kept
}

// parseErrorBody reads the body of an error answer. If it is not Klarna's JSON, or is cut,
// parseErrorBody returns what it could read.
func parseErrorBody(text []byte) errorBody {
	body := errorBody{left: maxErrorTexts - 3*maxErrorName}
	_, _ = wire.Read(text, func(r *wire.Reader) bool {
		return r.Members(func(member []byte) bool {
			switch string(member) {
			case "error_id":
				return name(&body.id, r)
			case "error_type":
				return name(&body.kind, r)
			case "error_code":
				return name(&body.code, r)
			case "error_message":
				return body.text(&body.message, r)
			case "doc_url":
				return body.text(&body.docURL, r)
			case "validation_errors", "errors":
				return r.Elements(func() bool {
					body.problem(r)
					return true
				})
			default:
				return r.Other()
			}
		})
	})
	return body
}

// name reads a code, a type or an id.
func name(to *string, r *wire.Reader) bool {
	if *to != "" || !wire.ReadText(to, r) {
		return r.Other()
	}
	*to = cut(*to, maxErrorName)
	return true
}

// text reads a string and keeps as many bytes of it as there is room for.
func (b *errorBody) text(to *string, r *wire.Reader) bool {
	if *to != "" || !wire.ReadText(to, r) {
		return r.Other()
	}
	*to = cut(*to, b.left)
	b.left -= len(*to)
	return true
}

// problem reads one element of the list of validation errors.
func (b *errorBody) problem(r *wire.Reader) {
	var p ValidationError
	if !r.Members(func(name []byte) bool {
		switch string(name) {
		case "parameter":
			return b.text(&p.Parameter, r)
		case "reason", "error_message":
			return b.reasons(&p.Reasons, r)
		case "doc_url":
			return b.text(&p.DocURL, r)
		default:
			return r.Other()
		}
	}) {
		r.Skip()
		return
	}
	if len(b.problems) < maxValidationErrors && (p.Parameter != "" || len(p.Reasons) > 0) {
		b.problems = append(b.problems, p)
	}
}

// reasons reads a string or a list of strings: Klarna's documentation shows both.
func (b *errorBody) reasons(to *[]string, r *wire.Reader) bool {
	if len(b.problems) >= maxValidationErrors {
		return r.Skip()
	}
	one := func() bool {
		var reason string
		if !b.text(&reason, r) {
			return r.Skip()
		}
		if reason != "" {
			*to = append(*to, reason)
		}
		return true
	}
	if r.IsString() {
		return one()
	}
	return r.Elements(one)
}

// cut returns at most n bytes of a text, without a part of a character at the end.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xc0 == 0x80 {
		n--
	}
	return text[:n]
}
