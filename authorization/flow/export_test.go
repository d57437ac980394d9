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
	content, err := s.open(r.ID, r.Sealed)
	if err != nil {
		return "", err
	}
	text, err := wire.EncodeAny(content)
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

// Sealed is a seal that holds text.
func Sealed(secret klarna.Secret, id, text string) ([]byte, error) {
	s, err := newSeals([]klarna.Secret{secret})
	if err != nil {
		return nil, err
	}
	box, err := box(s.roots[0], id)
	if err != nil {
		return nil, err
	}
	return box.Seal(nil, nil, []byte(text), nil), nil
}
