package flow

import (
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// Unsealed is what a record's seal holds, for whoever has the secret.
func Unsealed(secret klarna.Secret, r Record) (string, error) {
	s, err := newSeals([]klarna.Secret{secret})
	if err != nil {
		return "", err
	}
	p, err := decode(r)
	if err != nil {
		return "", err
	}
	content, err := s.open(p)
	if err != nil {
		return "", err
	}
	text, err := wire.Encode(content.encode)
	return string(text), err
}

// Recode decodes a record and writes it again.
func Recode(r Record) (Record, error) {
	p, err := decode(r)
	if err != nil {
		return Record{}, err
	}
	return p.encoded()
}

// Sealed is a seal of the record that holds text.
func Sealed(secret klarna.Secret, r Record, text string) ([]byte, error) {
	s, err := newSeals([]klarna.Secret{secret})
	if err != nil {
		return nil, err
	}
	p, err := decode(r)
	if err != nil {
		return nil, err
	}
	box, err := box(s.roots[0], secondForm+r.ID)
	if err != nil {
		return nil, err
	}
	return box.Seal(nil, nil, []byte(text), p.facts()), nil
}
