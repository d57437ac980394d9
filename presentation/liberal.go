package presentation

import "github.com/klarna-go/klarna-go/internal/strictjson"

// UnmarshalJSON reads an option. Klarna's texts are less sure of its members than of the instruction beside it, so a
// shape that does not fit must not cost the whole answer: its members are then all kept in Unknown.
func (o *PaymentOption) UnmarshalJSON(text []byte) error {
	type plain PaymentOption
	var p plain
	if err := strictjson.Unmarshal(text, &p); err == nil {
		*o = PaymentOption(p)
		return nil
	}
	*o = PaymentOption{}
	if strictjson.Unmarshal(text, &o.Unknown) != nil {
		o.Unknown = nil // not even an object; the whole answer's Raw has it
	}
	return nil
}

// UnmarshalJSON reads a text in either of Klarna's forms, and a bare string as the plain form.
func (t *Text) UnmarshalJSON(text []byte) error {
	type plain Text
	if len(text) > 0 && text[0] == '"' {
		*t = Text{}
		return strictjson.Unmarshal(text, &t.Text)
	}
	return strictjson.Unmarshal(text, (*plain)(t))
}
