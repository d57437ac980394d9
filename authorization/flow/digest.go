package flow

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// mayDiffer are the members of a request in which a repeat of Begin may differ from the first
// request: they hold time stamps, tokens and personal data.
var mayDiffer = []string{
	"klarna_network_data",
	"interoperability_data",
	"supplementary_purchase_data.customer",
	"step_up_config.payment_request_expires_at",
	"step_up_config.customer_interaction_config.interaction_expiry",
}

// fixedMembers returns the members that a repeat of a request must have in common with it. The
// result does not depend on the release that encoded the request.
func fixedMembers(body string) (map[string]any, error) {
	var members map[string]any
	if err := wire.DecodeAny([]byte(body), &members); err != nil {
		return nil, err
	}
	for _, path := range mayDiffer {
		at := members
		names := strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			at, _ = at[name].(map[string]any)
		}
		delete(at, names[len(names)-1])
	}
	return members, nil
}

// digest returns a digest that distinguishes requests. It is keyed with a seal secret, because a
// plain hash would allow a reader of the store to guess names and addresses.
func (s *seals) digest(root klarna.Secret, p *purchase, body string) (string, error) {
	members, err := fixedMembers(body)
	if err != nil {
		return "", err
	}
	text, err := wire.EncodeAny(members)
	if err != nil {
		return "", err
	}
	key, err := hkdf.Expand(sha256.New, []byte(root.Reveal()), "klarna-go flow request digest 1 "+p.ID, 32)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil)[:16]), nil
}

// sameRequest reports whether a request is the one that a purchase was begun with. It returns true
// if the secret of the digest is not available any more.
func (s *seals) sameRequest(p *purchase, body string) (bool, error) {
	secret, digest, ok := strings.Cut(p.Digest, ":")
	if !ok {
		return true, nil
	}
	i := slices.Index(s.fingerprints(), secret)
	if i < 0 {
		return true, nil
	}
	other, err := s.digest(s.roots[i], p, body)
	return other == digest, err
}

// differingMember returns the path of a member in which two requests differ, or "".
func differingMember(a, b string) string {
	first, err := fixedMembers(a)
	if err != nil {
		return ""
	}
	second, err := fixedMembers(b)
	if err != nil {
		return ""
	}
	return differing("", first, second)
}

func differing(path string, a, b any) string {
	x, isObject := a.(map[string]any)
	y, both := b.(map[string]any)
	if isObject && both {
		names := maps.Clone(x)
		maps.Copy(names, y)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if found := differing(strings.TrimPrefix(path+"."+name, "."), x[name], y[name]); found != "" {
				return found
			}
		}
		return ""
	}
	first, err := wire.EncodeAny(a)
	if err != nil {
		return path
	}
	second, err := wire.EncodeAny(b)
	if err != nil || string(first) != string(second) {
		return path
	}
	return ""
}
