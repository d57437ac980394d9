package webhook_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/webhook"
)

const canary = "canary-7e1d"

// containsCanary finds the canary as text, in hexadecimal, and as the numbers of its bytes.
func containsCanary(text string) bool {
	numbers := strings.Trim(fmt.Sprintf("%d", []byte(canary)), "[]")
	return strings.Contains(text, canary) || strings.Contains(strings.ToLower(text), hex.EncodeToString([]byte(canary))) || strings.Contains(text, numbers)
}

// withCanaries returns values of the package's types that contain a canary in place of each token,
// body and personal data.
func withCanaries(t *testing.T) []any {
	t.Helper()
	raw := webhook.NewRawJSON(`{"email":"` + canary + `"}`)
	unknown := webhook.Unknown{canary: raw}
	key := webhook.Key{ID: keyID, Secret: webhook.NewSecret(canary + canary)}
	verifier := newVerifier(t, key)
	sourced, err := webhook.NewVerifierFrom(t.Context(), func(context.Context) ([]webhook.Key, error) { return []webhook.Key{key}, nil })
	if err != nil {
		t.Fatal(err)
	}
	handler, err := webhook.NewHandler(verifier, func(context.Context, *webhook.Event) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	event := webhook.Event{Metadata: webhook.Metadata{EventID: "e", EventType: "payment.request.x", Unknown: unknown}, Payload: raw, Raw: raw}
	begun, finish := make(chan struct{}, 2), make(chan struct{})
	queue, err := webhook.NewQueue(func(context.Context, *webhook.Event) error { begun <- struct{}{}; <-finish; return nil }, webhook.QueueConfig{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(finish)
		if err := queue.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for range 2 { // one is processed and one waits
		if err := queue.Receive(t.Context(), &event); err != nil {
			t.Fatal(err)
		}
	}
	<-begun
	stateContext := webhook.StateContext{
		KlarnaNetworkSessionToken: key.Secret, InteroperabilityToken: key.Secret, PaymentToken: key.Secret, KlarnaCustomer: raw, Shipping: raw, Unknown: unknown,
	}
	return []any{
		key, *verifier, *sourced, *handler, queue, webhook.QueueConfig{}, *webhook.NewMemoryStore(), webhook.Mux{}, webhook.Claim{},
		event, event.Metadata, key.Secret, raw, unknown,
		webhook.PaymentRequest{
			KlarnaNetworkSessionToken: key.Secret, InteroperabilityToken: key.Secret, PaymentToken: key.Secret, KlarnaCustomer: raw, Shipping: raw,
			StateContext: stateContext, Unknown: unknown,
		}, stateContext,
		webhook.PaymentTransaction{Unknown: unknown},
		webhook.PaymentDispute{DisputeDetails: webhook.DisputeDetails{Unknown: unknown}, Unknown: unknown},
		webhook.DisputeDetails{Unknown: unknown},
	}
}

// exportedTypes returns the names of the package's types that can hold content: all but functions,
// interfaces, numbers and strings.
func exportedTypes(t *testing.T) map[string]bool {
	t.Helper()
	files, err := parser.ParseDir(token.NewFileSet(), ".", func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0) //nolint:staticcheck // the package has no build tags
	if err != nil {
		t.Fatal(err)
	}
	types := make(map[string]bool)
	ast.Inspect(files["webhook"], func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.IsExported() {
			switch underlying := spec.Type.(type) {
			case *ast.FuncType, *ast.InterfaceType:
			case *ast.Ident:
				if underlying.Name != "int" && underlying.Name != "string" {
					t.Errorf("%s is a new kind of type, which this test does not handle", spec.Name.Name)
				}
			case *ast.SelectorExpr: // an alias
				types[underlying.Sel.Name] = true
			default:
				types[spec.Name.Name] = true
			}
		}
		return true
	})
	return types
}

func TestExportedTypesPrintAndLogNoContent(t *testing.T) {
	missing := exportedTypes(t)
	for _, value := range withCanaries(t) {
		name := reflect.Indirect(reflect.ValueOf(value)).Type().Name()
		delete(missing, name)
		t.Run(name, func(t *testing.T) {
			pointer := reflect.New(reflect.TypeOf(value))
			pointer.Elem().Set(reflect.ValueOf(value))
			for _, v := range []any{value, pointer.Interface(), []any{value}, map[string]any{"v": value}, struct{ V any }{value}} {
				for verb := 'A'; verb <= 'z'; verb++ {
					if verb == 'T' || verb == 'p' || verb == 'w' {
						continue // fmt formats these itself; go vet finds wrong uses
					}
					for _, flags := range []string{"", "+", "#"} {
						if text := fmt.Sprintf("%"+flags+string(verb), v); containsCanary(text) {
							t.Errorf("%%%s%c of %T prints %s", flags, verb, v, text)
						}
					}
				}
			}
			var log bytes.Buffer
			for _, l := range []*slog.Logger{slog.New(slog.NewTextHandler(&log, nil)), slog.New(slog.NewJSONHandler(&log, nil))} {
				l.Info("m", "value", value, "pointer", pointer.Interface())
			}
			if containsCanary(log.String()) {
				t.Errorf("logged %s", &log)
			}
		})
	}
	if len(missing) > 0 {
		t.Errorf("not tested: %v", missing)
	}
}

// Encoding keeps the content of an event, but neither signing keys nor session tokens.
func TestSecretsAreNotEncoded(t *testing.T) {
	for _, value := range []any{webhook.Key{Secret: webhook.NewSecret(canary)}, webhook.PaymentRequest{KlarnaNetworkSessionToken: webhook.NewSecret(canary)}} {
		if text, err := json.Marshal(value); err != nil || containsCanary(string(text)) {
			t.Errorf("%s, %v", text, err)
		}
	}
}

// The deliveries cover each problem that a Handler logs.
func TestHandlerLogsNoContentOfADelivery(t *testing.T) {
	var log bytes.Buffer
	handler, err := webhook.NewHandler(newVerifier(t), func(_ context.Context, e *webhook.Event) error {
		switch e.Metadata.EventID {
		case "panics":
			panic(e)
		case "reads":
			_, err := e.PaymentRequest()
			return err
		}
		return fmt.Errorf("cannot process %v, %+v, %#v", e, *e, e.Payload)
	}, webhook.WithLogger(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))), webhook.WithMaxBytes(1000))
	if err != nil {
		t.Fatal(err)
	}
	payload := `"payload":{"payment_request_id":7,"klarna_network_session_token":"` + canary + `","klarna_customer":"` + canary + `"}`
	for name, body := range map[string]string{
		"a receiver that fails":         `{"metadata":{"event_id":"fails","event_type":"payment.request.x"},` + payload + `}`,
		"a receiver that panics":        `{"metadata":{"event_id":"panics","event_type":"payment.request.x"},` + payload + `}`,
		"a payload that cannot be read": `{"metadata":{"event_id":"reads","event_type":"payment.request.x"},` + payload + `}`,
		"a duplicate name":              `{"metadata":{"` + canary + `":1,"` + canary + `":2},` + payload + `}`,
		"a wrong type":                  `{"metadata":{"event_id":["` + canary + `"],"event_type":"payment.request.x"},` + payload + `}`,
		"cut":                           `{"metadata":{"event_id":"` + canary,
		"too large":                     `{"metadata":"` + strings.Repeat(canary, 100) + `"}`,
	} {
		for _, signature := range []string{sign(secret, []byte(body)), sign("another secret of 32 bytes.......", []byte(body)), canary, ""} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhook", strings.NewReader(body))
			r.Header.Set("Klarna-Signature", signature)
			r.Header.Set("Klarna-Signing-Key-Id", keyID)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code < 400 || containsCanary(w.Body.String()) || containsCanary(fmt.Sprint(w.Header())) {
				t.Errorf("%s: answered %d %q", name, w.Code, w.Body)
			}
		}
	}
	if containsCanary(log.String()) || strings.Contains(log.String(), sign(secret, nil)) || strings.Count(log.String(), "\n") != 4*7 {
		t.Errorf("logged %s", &log)
	}
}

func TestErrorsOfParseQuoteNothing(t *testing.T) {
	for _, header := range []http.Header{
		{"Klarna-Signature": {canary}},
		{"Klarna-Signature": {sign(secret, body)}, "Klarna-Signing-Key-Id": {canary}},
		{"Klarna-Signature": {sign(secret, body)}, "Klarna-Signing-Key-Id": {keyID, canary}},
	} {
		_, err := newVerifier(t).Parse(t.Context(), header, []byte(canary))
		if err == nil || containsCanary(fmt.Sprintf("%v %+v %#v", err, err, err)) || errors.Is(err, webhook.ErrNoEvent) {
			t.Errorf("%v", err)
		}
	}
}
