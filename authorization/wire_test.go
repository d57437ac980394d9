package authorization_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/test/roundtrip"
	"github.com/klarna-go/klarna-go/klarna"
)

// wireRoots are the types of requests and answers.
var wireRoots = []any{
	authorization.AuthorizeParams{}, authorization.CreatePaymentRequestParams{}, authorization.UpdatePaymentRequestParams{}, authorization.UpdateTransactionParams{},
	authorization.CaptureTransactionParams{}, authorization.RefundTransactionParams{}, authorization.RefundCaptureParams{}, authorization.ExtendTransactionParams{},
	authorization.PaymentRequest{}, authorization.PaymentTransaction{}, authorization.PaymentCapture{}, authorization.PaymentRefund{},
	authorization.PaymentChargeback{}, authorization.CustomerTokenResponse{},
}

// notOnTheWire are the other exported structs.
var notOnTheWire = []string{
	"Approval", "Approved", "Authorization", "Client", "Declined", "Prepared", "Return", "StepUpRequired", "TokenIssued", "Undecided",
}

// wireTypes returns the structs of the package that the roots reach, by name.
func wireTypes() map[string]reflect.Type {
	found := make(map[string]reflect.Type)
	var visit func(reflect.Type)
	visit = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice:
			visit(t.Elem())
		case reflect.Struct:
			if t.PkgPath() != reflect.TypeFor[authorization.AuthorizeParams]().PkgPath() || found[t.Name()] != nil {
				return
			}
			found[t.Name()] = t
			for field := range t.Fields() {
				visit(field.Type)
			}
		}
	}
	for _, root := range wireRoots {
		visit(reflect.TypeOf(root))
	}
	return found
}

func TestEachExportedStructIsKnown(t *testing.T) {
	known := append(slices.Collect(maps.Keys(wireTypes())), notOnTheWire...)
	slices.Sort(known)
	if diff := cmp.Diff(known, roundtrip.Structs(t, nil)); diff != "" {
		t.Errorf("structs (-known +exported):\n%s", diff)
	}
}

func TestWireFieldsHaveTheirNameAndType(t *testing.T) {
	for name, typ := range wireTypes() {
		t.Run(name, func(t *testing.T) {
			if f, ok := typ.FieldByName("Unknown"); !ok || f.Type != reflect.TypeFor[klarna.Unknown]() || f.Tag.Get("json") != ",embed" {
				t.Error("got no field Unknown")
			}
			for f := range typ.Fields() {
				tag := f.Tag.Get("json")
				member, option, _ := strings.Cut(tag, ",")
				switch {
				case !f.IsExported() || tag == "":
					t.Errorf("%s has no tag", f.Name)
				case f.Name == "Unknown":
				case f.Name == "Raw":
					if tag != "-" || f.Type != reflect.TypeFor[klarna.RawJSON]() {
						t.Errorf("Raw is %s %q", f.Type, tag)
					}
				default:
					checkMember(t, typ, f, member, option)
				}
			}
		})
	}
}

func checkMember(t *testing.T, owner reflect.Type, f reflect.StructField, member, option string) {
	t.Helper()
	name := f.Name
	if owner == reflect.TypeFor[authorization.CustomerToken]() && f.Name == "Token" {
		name = "CustomerToken" // the field of the string form
	}
	if !strings.EqualFold(strings.ReplaceAll(member, "_", ""), name) || member != strings.ToLower(member) {
		t.Errorf("%s is called %q: a wire name appears in Go as itself", f.Name, member)
	}
	if option != "" && option != "omitzero" {
		t.Errorf("%s has the option %q", f.Name, option)
	}
	element := f.Type
	for element.Kind() == reflect.Pointer || element.Kind() == reflect.Slice && element != reflect.TypeFor[klarna.RawJSON]() {
		element = element.Elem()
	}
	isFloat := element.Kind() == reflect.Float32 || element.Kind() == reflect.Float64
	if isFloat && member != "latitude" && member != "longitude" {
		t.Errorf("%s is a float", f.Name)
	}
	if strings.Contains(member, "amount") || strings.Contains(member, "price") {
		if element.Kind() != reflect.Int64 {
			t.Errorf("%s is a %s, want int64 in minor units", f.Name, f.Type)
		}
		// The amount of 0 of a payment request that asks for a customer token is not sent.
		if f.Type.Kind() == reflect.Int64 && option != "" && owner != reflect.TypeFor[authorization.CreatePaymentRequestParams]() {
			t.Errorf("%s of 0 is not sent: an amount that may be left out is a pointer", f.Name)
		}
	}
	if strings.Contains(member, "token") && element.Kind() == reflect.String && !strings.HasSuffix(member, "_reference") {
		t.Errorf("%s is a %s, want a klarna.Secret", f.Name, f.Type)
	}
	if strings.HasSuffix(member, "_at") && element != reflect.TypeFor[time.Time]() && member != "payment_request_expires_at" {
		t.Errorf("%s is a %s, want a time.Time", f.Name, f.Type)
	}
}
