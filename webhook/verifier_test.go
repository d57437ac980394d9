package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/webhook"
)

// The vectors are fixed. The key is never decoded, and the body is never changed.
func TestSignatureIsTheHMACOfTheRawBody(t *testing.T) {
	for _, tc := range []struct{ name, key, body, want string }{
		{
			"plain text",
			"key", "The quick brown fox jumps over the lazy dog",
			"f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
		},
		{
			"a key that looks like base64, a body with escapes and UTF-8",
			"c2VjcmV0LWtleQ==", `{ "metadata" : {"event_type":"payment.request.state-change.expired"}, "payload":{"name":"Åsa \u00e5 é/é"} }`,
			"357caec9a202490e41360d5f72144f000b6713c488a057605ef12680a754219f",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := webhook.Sign(webhook.NewSecret(tc.key), []byte(tc.body)); got != tc.want {
				t.Errorf("signature %s, want %s", got, tc.want)
			}
		})
	}
}

const (
	keyID  = "krn:partner:global:notification:signing-key:11111111-1111-1111-1111-111111111111"
	secret = "c2VjcmV0LWtleS1vZi10aGlydHktdHdvLWJ5dGVz"
)

var body = []byte(`{"metadata":{"event_id":"e-1","event_type":"payment.request.state-change.completed"},"payload":{}}`)

func newVerifier(t testing.TB, keys ...webhook.Key) *webhook.Verifier {
	t.Helper()
	if len(keys) == 0 {
		keys = []webhook.Key{{ID: keyID, Secret: webhook.NewSecret(secret)}}
	}
	v, err := webhook.NewVerifier(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sign computes a signature without the package under test.
func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func TestVerify(t *testing.T) {
	right := sign(secret, body)
	for _, tc := range []struct {
		name   string
		header http.Header
		body   []byte
		want   error
	}{
		{"a right signature with its key's id", http.Header{"Klarna-Signature": {right}, "Klarna-Signing-Key-Id": {keyID}}, body, nil},
		{"a right signature without a key id", http.Header{"Klarna-Signature": {right}}, body, nil},
		{"header names in another case", http.Header{"klarna-signature": {right}, "KLARNA-SIGNING-KEY-ID": {keyID}}, body, nil},
		{"its key's id twice", http.Header{"Klarna-Signature": {right}, "Klarna-Signing-Key-Id": {keyID, keyID}}, body, nil},
		{"its key's id in headers of different case", http.Header{"Klarna-Signature": {right}, "Klarna-Signing-Key-Id": {keyID}, "klarna-signing-key-id": {keyID}}, body, nil},
		{"white space around its key's id", http.Header{"Klarna-Signature": {right}, "Klarna-Signing-Key-Id": {" " + keyID + "\t"}}, body, nil},
		{"an empty key id names none", http.Header{"Klarna-Signature": {right}, "Klarna-Signing-Key-Id": {""}}, body, nil},
		{"an empty key id before its key's", http.Header{"Klarna-Signature": {right}, "Klarna-Signing-Key-Id": {"", keyID}}, body, nil},
		{"an empty key id behind its key's", http.Header{"Klarna-Signature": {right}, "Klarna-Signing-Key-Id": {keyID, " "}}, body, nil},
		{"two key ids, one of them its key's", http.Header{"Klarna-Signature": {right}, "Klarna-Signing-Key-Id": {keyID, "another"}}, body, webhook.ErrUnknownKey},
		{"two key ids in headers of different case", http.Header{"Klarna-Signature": {right}, "Klarna-Signing-Key-Id": {"another"}, "klarna-signing-key-id": {keyID}}, body, webhook.ErrUnknownKey},
		{"a key id in another case", http.Header{"Klarna-Signature": {right}, "Klarna-Signing-Key-Id": {strings.ToUpper(keyID)}}, body, webhook.ErrUnknownKey},
		{"no signature", http.Header{"Klarna-Signing-Key-Id": {keyID}}, body, webhook.ErrNoSignature},
		{"no header at all", nil, body, webhook.ErrNoSignature},
		{"an empty signature", http.Header{"Klarna-Signature": {""}}, body, webhook.ErrMalformedSignature},
		{"upper-case digits", http.Header{"Klarna-Signature": {strings.ToUpper(right)}}, body, webhook.ErrMalformedSignature},
		{"a prefix", http.Header{"Klarna-Signature": {"sha256=" + right}}, body, webhook.ErrMalformedSignature},
		{"white space around it", http.Header{"Klarna-Signature": {" " + right}}, body, webhook.ErrMalformedSignature},
		{"white space within its length", http.Header{"Klarna-Signature": {right[:63] + " "}}, body, webhook.ErrMalformedSignature},
		{"base64", http.Header{"Klarna-Signature": {"97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg="}}, body, webhook.ErrMalformedSignature},
		{"a digit too few", http.Header{"Klarna-Signature": {right[1:]}}, body, webhook.ErrMalformedSignature},
		{"two signatures, one of them right", http.Header{"Klarna-Signature": {right, strings.Repeat("0", 64)}}, body, webhook.ErrMalformedSignature},
		{"two signatures in headers of different case", http.Header{"Klarna-Signature": {right}, "klarna-signature": {right}}, body, webhook.ErrMalformedSignature},
		{"a key that is not held", http.Header{"Klarna-Signature": {right}, "Klarna-Signing-Key-Id": {"another"}}, body, webhook.ErrUnknownKey},
		{"another secret's signature", http.Header{"Klarna-Signature": {sign("another secret of 32 bytes.......", body)}}, body, webhook.ErrSignatureMismatch},
		{"the same JSON, encoded again", http.Header{"Klarna-Signature": {right}}, append([]byte(" "), body...), webhook.ErrSignatureMismatch},
		{"a body that a middleware has read", http.Header{"Klarna-Signature": {right}}, nil, webhook.ErrSignatureMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := newVerifier(t).Verify(t.Context(), tc.header, tc.body)
			if !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Fatalf("Verify: %v, want %v", err, tc.want)
			}
			if len(tc.body) == 0 && !strings.Contains(err.Error(), "middleware") {
				t.Errorf("the error %q does not mention a middleware", err)
			}
		})
	}
}

func TestVerifyTriesSeveralKeys(t *testing.T) {
	older, newer := "the older secret of the account..", "the newer secret of the account.."
	v := newVerifier(t,
		webhook.Key{ID: "old", Secret: webhook.NewSecret(older)},
		webhook.Key{ID: "new", Secret: webhook.NewSecret(newer)})
	for _, tc := range []struct {
		name, id, secret string
		want             error
	}{
		{"the older key", "old", older, nil},
		{"the newer key", "new", newer, nil},
		{"no key is named", "", newer, nil},
		{"a named key does not verify the signature of another", "old", newer, webhook.ErrSignatureMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			header := http.Header{"Klarna-Signature": {sign(tc.secret, body)}}
			if tc.id != "" {
				header.Set("Klarna-Signing-Key-Id", tc.id)
			}
			if err := v.Verify(t.Context(), header, body); !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Errorf("Verify: %v, want %v", err, tc.want)
			}
		})
	}
	t.Run("a key without an id is tried on each delivery", func(t *testing.T) {
		v := newVerifier(t, webhook.Key{Secret: webhook.NewSecret(newer)})
		header := http.Header{"Klarna-Signature": {sign(newer, body)}, "Klarna-Signing-Key-Id": {"another"}}
		if err := v.Verify(t.Context(), header, body); err != nil {
			t.Error(err)
		}
	})
}

func TestEachFlippedBitIsAMismatch(t *testing.T) {
	v := newVerifier(t)
	signature := sign(secret, body)
	mac, err := hex.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(b []byte, bit int) []byte {
		b = append([]byte(nil), b...)
		b[bit/8] ^= 1 << (bit % 8)
		return b
	}
	for bit := range len(body) * 8 {
		if err := v.Verify(t.Context(), http.Header{"Klarna-Signature": {signature}}, flip(body, bit)); !errors.Is(err, webhook.ErrSignatureMismatch) {
			t.Fatalf("bit %d of the body: %v", bit, err)
		}
	}
	for bit := range len(mac) * 8 {
		if err := v.Verify(t.Context(), http.Header{"Klarna-Signature": {hex.EncodeToString(flip(mac, bit))}}, body); !errors.Is(err, webhook.ErrSignatureMismatch) {
			t.Fatalf("bit %d of the signature: %v", bit, err)
		}
	}
	for bit := range len(secret) * 8 {
		v := newVerifier(t, webhook.Key{ID: keyID, Secret: webhook.NewSecret(string(flip([]byte(secret), bit)))})
		if err := v.Verify(t.Context(), http.Header{"Klarna-Signature": {signature}}, body); !errors.Is(err, webhook.ErrSignatureMismatch) {
			t.Fatalf("bit %d of the key: %v", bit, err)
		}
	}
}

func TestNewVerifierRefusesUnsafeKeys(t *testing.T) {
	good := webhook.Key{ID: keyID, Secret: webhook.NewSecret(secret)}
	for name, keys := range map[string][]webhook.Key{
		"no key at all":             nil,
		"an empty secret":           {{ID: keyID}},
		"a short secret":            {{ID: keyID, Secret: webhook.NewSecret("0123456789abcde")}},
		"a valid and an empty key":  {good, {ID: "other"}},
		"a line break":              {{ID: keyID, Secret: webhook.NewSecret(secret + "\n")}},
		"two keys with the same id": {good, good},
	} {
		if v, err := webhook.NewVerifier(keys...); err == nil || v != nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "0123456789") {
			t.Errorf("%s: the error quotes the secret", name)
		}
	}
}

func TestAKeyPrintsNoSecret(t *testing.T) {
	k := webhook.Key{ID: keyID, Secret: webhook.NewSecret(secret)}
	v := newVerifier(t, k)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, value := range []any{k, &k, v, *v} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, secret) || strings.Contains(text, hex.EncodeToString([]byte(secret))) {
				t.Errorf("%s of %T prints the secret", verb, value)
			}
		}
	}
}

// The time of a comparison reveals nothing about the right signature: the same is done for each
// wrong signature, whichever byte differs first. This test holds the construction. The package
// compares digests with hmac.Equal alone, and looks into them nowhere else.
func TestVerifyComparesSignaturesInConstantTime(t *testing.T) {
	compared := 0
	for _, use := range usesOf(t, "digest") {
		switch use := use.(type) {
		case *ast.CallExpr:
			function := types.ExprString(use.Fun)
			if function == "hmac.Equal" {
				compared++
			}
			_, local := use.Fun.(*ast.Ident) // a function of the package, or len
			encoded := strings.HasPrefix(function, "hex.")
			computed := strings.HasSuffix(function, ".Sum")
			if function != "hmac.Equal" && !local && !encoded && !computed {
				t.Errorf("a digest is passed to %s", function)
			}
		case *ast.AssignStmt, *ast.ReturnStmt:
		default:
			t.Errorf("a digest is used in a %T", use)
		}
	}
	if compared != 2 {
		t.Errorf("%d digests are passed to hmac.Equal, want 2", compared)
	}

	if raceEnabled {
		return // under the race detector, sync.Pool drops values at random, so the allocations vary
	}
	v := newVerifier(t)
	signature := sign(secret, body)
	allocated := func(at int) float64 {
		wrong := []byte(signature)
		wrong[at] = "0123456789abcdef"[(strings.IndexByte("0123456789abcdef", wrong[at])+1)%16]
		header := http.Header{"Klarna-Signature": {string(wrong)}, "Klarna-Signing-Key-Id": {keyID}}
		return testing.AllocsPerRun(10, func() {
			if err := v.Verify(t.Context(), header, body); !errors.Is(err, webhook.ErrSignatureMismatch) {
				t.Errorf("digit %d: %v", at, err)
			}
		})
	}
	first := allocated(0)
	for at := range len(signature) {
		if got := allocated(at); got != first {
			t.Errorf("a wrong digit %d makes %v allocations, a wrong first digit %v", at, got, first)
		}
	}
}

// usesOf returns the statements and expressions of the package that use a value of the type. A
// slice of a value counts as the value itself.
func usesOf(t *testing.T, typeName string) (uses []ast.Node) {
	t.Helper()
	positions := token.NewFileSet()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(positions, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: noImports{}, Error: func(error) {}} // the imported names are missing
	checked, _ := config.Check("webhook", positions, files, info)
	want := checked.Scope().Lookup(typeName).Type()
	for _, file := range files {
		var stack []ast.Node
		ast.Inspect(file, func(n ast.Node) bool {
			if n == nil {
				stack = stack[:len(stack)-1]
				return true
			}
			if value, ok := n.(ast.Expr); ok && info.Types[value].IsValue() && types.Identical(info.Types[value].Type, want) {
				use := stack[len(stack)-1]
				if _, ok := use.(*ast.SliceExpr); ok {
					use = stack[len(stack)-2]
				}
				uses = append(uses, use)
			}
			stack = append(stack, n)
			return true
		})
	}
	return uses
}

// noImports is a types.Importer whose packages are empty, except for sha256.Size.
type noImports struct{}

func (noImports) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, path[strings.LastIndexByte(path, '/')+1:])
	if path == "crypto/sha256" {
		p.Scope().Insert(types.NewConst(token.NoPos, p, "Size", types.Typ[types.UntypedInt], constant.MakeInt64(sha256.Size)))
	}
	p.MarkComplete()
	return p, nil
}

// aTypicalBody returns a body with the size of Klarna's deliveries of a completed payment request.
func aTypicalBody() []byte {
	text := `{"metadata":{"event_id":"8f5f2b4e-0b1f-4a53-9d0c-8f3f1f4d2c11","event_type":"payment.request.state-change.completed","event_version":"v2",` +
		`"occurred_at":"2026-01-02T03:04:05.678Z","subject_account_id":"krn:partner:global:account:live:LWT2XJSE","recipient_account_id":"krn:partner:global:account:live:LWT2XJSF",` +
		`"webhook_id":"krn:partner:global:notification:webhook:120e5b7e-abcd-4def-8a90-dca726e639b5","live":true},"payload":{"payment_request_id":"krn:payment:eu1:request:552603c0-fe8b-4ab1-aacb-41d55fafbdb4",` +
		`"payment_request_reference":"order-4711","state":"COMPLETED","previous_state":"IN_PROGRESS","amount":11836,"currency":"EUR","expires_at":"2026-01-02T06:04:05Z",` +
		`"created_at":"2026-01-02T03:00:05Z","updated_at":"2026-01-02T03:04:05Z","state_context":{"klarna_network_session_token":"krn:network:eu1:live:session-token:` + strings.Repeat("eyJhbGciOi", 40) + `",` +
		`"klarna_customer":{"customer_profile":{"given_name":"Alice","family_name":"Test","email":"alice@example.com","phone":"+46701234567","date_of_birth":"1980-01-01"},` +
		`"address":{"street_address":"Mainzer Landstraße 50","postal_code":"60325","city":"Frankfurt am Main","country":"DE"}}}}}`
	return []byte(text)
}

func TestVerifyAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector, sync.Pool drops values at random")
	}
	v, text := newVerifier(t, webhook.Key{ID: "another", Secret: webhook.NewSecret(sign("another", nil))}, webhook.Key{ID: keyID, Secret: webhook.NewSecret(secret)}), aTypicalBody()
	header := http.Header{"Klarna-Signature": {sign(secret, text)}, "Klarna-Signing-Key-Id": {keyID}, "Content-Type": {"application/json"}}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if err := v.Verify(ctx, header, text); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseAllocatesLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector, sync.Pool drops values at random")
	}
	v, text := newVerifier(t), aTypicalBody()
	header := http.Header{"Klarna-Signature": {sign(secret, text)}, "Klarna-Signing-Key-Id": {keyID}}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		event, err := v.Parse(ctx, header, text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := event.PaymentRequest(); err != nil {
			t.Fatal(err)
		}
	}); n > 12 {
		t.Errorf("%v allocations, want at most 12", n)
	}
}

func BenchmarkVerify(b *testing.B) {
	v, text := newVerifier(b), aTypicalBody()
	header := http.Header{"Klarna-Signature": {sign(secret, text)}, "Klarna-Signing-Key-Id": {keyID}}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Verify(b.Context(), header, text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	v, text := newVerifier(b), aTypicalBody()
	header := http.Header{"Klarna-Signature": {sign(secret, text)}, "Klarna-Signing-Key-Id": {keyID}}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		event, err := v.Parse(b.Context(), header, text)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := event.PaymentRequest(); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(sign(secret, body), keyID, body)
	f.Add("", "", []byte{})
	f.Add(strings.Repeat("0", 64), keyID, []byte("x"))
	v, err := webhook.NewVerifier(webhook.Key{ID: keyID, Secret: webhook.NewSecret(secret)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, signature, id string, body []byte) {
		accepted := v.Verify(t.Context(), http.Header{"Klarna-Signature": {signature}, "Klarna-Signing-Key-Id": {id}}, body) == nil
		if right := signature == sign(secret, body) && strings.TrimSpace(id) == keyID; accepted != right {
			t.Fatalf("accepted: %v, right: %v", accepted, right)
		}
	})
}
