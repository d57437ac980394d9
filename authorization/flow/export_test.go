package flow

import (
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// Unsealed opens a record's seal with the secret.
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

// Recode decodes and encodes a record.
func Recode(r Record) (Record, error) {
	p, err := decode(r)
	if err != nil {
		return Record{}, err
	}
	return p.encoded()
}

// Sealed returns a seal of the record with text as its content.
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
