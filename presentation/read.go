package presentation

import "github.com/klarna-go/klarna-go/internal/strictjson"

// These methods read what the struct tags say, in one pass. Each reports whether the value fitted; one that did not is kept by the option that it is
// a part of, or is the answer's error.

// answer is a presentation that reads itself.
type answer struct{ *Presentation }

// ReadJSON reads the whole answer.
func (a answer) ReadJSON(r *strictjson.Reader) bool {
	p := a.Presentation
	return r.Members(func(name []byte) bool {
		switch string(name) {
		case "instruction":
			return strictjson.Text(r, &p.Instruction)
		case "payment_status":
			return strictjson.Text(r, &p.PaymentStatus)
		case "payment_option":
			return p.PaymentOption.readJSON(r)
		case "saved_payment_option":
			return p.SavedPaymentOption.readJSON(r)
		default:
			return r.Keep(&p.Unknown, name)
		}
	})
}

func (o *PaymentOption) readJSON(r *strictjson.Reader) bool {
	return r.Members(func(name []byte) bool { return o.member(r, name) || r.Keep(&o.Unknown, name) }) || r.Skip()
}

func (o *PaymentOption) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "payment_option_id":
		return strictjson.Text(r, &o.PaymentOptionID)
	case "header":
		return o.Header.readJSON(r)
	case "subheader":
		return o.Subheader.readJSON(r)
	case "badge":
		return o.Badge.readJSON(r)
	case "message":
		return o.Message.readJSON(r)
	case "terms":
		return o.Terms.readJSON(r)
	case "payment_button":
		return strictjson.Object(r, &o.PaymentButton, (*PaymentButton).member)
	case "icon":
		return strictjson.Object(r, &o.Icon, (*Icon).member)
	default:
		return false
	}
}

func (b *PaymentButton) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "text":
		return b.Text.readJSON(r)
	case "image_url":
		return strictjson.Text(r, &b.ImageURL)
	case "image_alignment":
		return strictjson.Text(r, &b.ImageAlignment)
	default:
		return r.Keep(&b.Unknown, name)
	}
}

func (i *Icon) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "alt":
		return strictjson.Text(r, &i.Alt)
	case "badge_image_url":
		return strictjson.Text(r, &i.BadgeImageURL)
	case "rectangle_image_url":
		return strictjson.Text(r, &i.RectangleImageURL)
	case "square_image_url":
		return strictjson.Text(r, &i.SquareImageURL)
	default:
		return r.Keep(&i.Unknown, name)
	}
}

func (t *Text) readJSON(r *strictjson.Reader) bool {
	return strictjson.Object(r, t, (*Text).member) || strictjson.Text(r, &t.Text)
}

func (t *Text) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "text":
		return strictjson.Text(r, &t.Text)
	case "parts":
		return strictjson.Slice(r, &t.Parts, func(p *TextPart) bool { return strictjson.Object(r, p, (*TextPart).member) })
	default:
		return r.Keep(&t.Unknown, name)
	}
}

func (p *TextPart) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "type":
		return strictjson.Text(r, &p.Type)
	case "text":
		return strictjson.Text(r, &p.Text)
	case "url":
		return strictjson.Text(r, &p.URL)
	case "context":
		return strictjson.Text(r, &p.Context)
	case "styles":
		return strictjson.Slice(r, &p.Styles, func(s *Style) bool { return strictjson.Text(r, s) })
	default:
		return r.Keep(&p.Unknown, name)
	}
}
