package authorization

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/test/roundtrip"
	"github.com/klarna-go/klarna-go/klarna"
)

// This file is in the package to use the generator of the tests of the supplementary data.

var requestTypes = []reflect.Type{
	reflect.TypeFor[AuthorizeParams](), reflect.TypeFor[CreatePaymentRequestParams](), reflect.TypeFor[UpdatePaymentRequestParams](), reflect.TypeFor[CaptureTransactionParams](),
	reflect.TypeFor[RefundTransactionParams](), reflect.TypeFor[RefundCaptureParams](), reflect.TypeFor[ExtendTransactionParams](), reflect.TypeFor[UpdateTransactionParams](),
}

// exported are the exported wire types.
var exported = []any{
	new(Address), new(Arrival), new(BillingPlan), new(RefundCaptureParams),
	new(CaptureTransactionParams), new(Customer), new(CustomerAccount), new(CustomerDevice),
	new(CustomerInteraction), new(CustomerInteractionConfig), new(CustomerToken),
	new(CustomerTokenResponse), new(Departure), new(EventReservation), new(ExtendTransactionParams),
	new(Geolocation), new(Guest), new(Insurance), new(InteractionExpiry), new(LastLogin),
	new(LineItem), new(LineItemMetadata), new(LodgingHost), new(LodgingReservation),
	new(MarketplaceSeller), new(NationalIdentification), new(OndemandService), new(Passenger),
	new(PaymentCapture), new(PaymentChargeback), new(PaymentFunding), new(PaymentRefund),
	new(PaymentRequest), new(CreatePaymentRequestParams), new(UpdatePaymentRequestParams),
	new(PaymentTransaction), new(PointOfCheckout), new(PointOfTransaction), new(PurchaseHistory),
	new(QRCodeImage), new(Recipient), new(AuthorizeParams), new(RequestCustomerToken),
	new(RequestPaymentTransaction), new(Shipment), new(ShipmentTracking), new(Shipping),
	new(ShippingConfig), new(ShippingOption), new(StateContext), new(StepUpConfig),
	new(Subscription), new(SupplementaryCaptureData), new(SupplementaryPurchaseData),
	new(SupplementaryRefundData), new(RefundTransactionParams), new(UpdateTransactionParams),
	new(TravelReservation), new(Voucher),
}

func TestEveryWireTypeSurvivesBothEncoders(t *testing.T) { roundtrip.Check(t, exported...) }

func TestEncodingFollowsTheTags(t *testing.T) {
	roundtrip.CheckSent(t, Encode, Decode, exported...)
}

// A request that was stored with encoding/json is sent with the same bytes, and so with the same
// idempotency key.
func TestStoredRequestIsTheSameCall(t *testing.T) {
	random := seeded(t, 1509)
	for _, typ := range requestTypes {
		t.Run(typ.Name(), func(t *testing.T) {
			for i := range 40 {
				before, after := reflect.New(typ), reflect.New(typ)
				fill(random, before.Elem(), sometimes)
				kept, err := json.Marshal(before.Interface())
				if err != nil {
					t.Fatalf("value %d: %v", i, err)
				}
				if err := json.Unmarshal(kept, after.Interface()); err != nil {
					t.Fatalf("value %d: %v\n%s", i, err, kept)
				}
				want, err := Encode(before.Interface())
				if err != nil {
					t.Fatal(err)
				}
				got, err := Encode(after.Interface())
				if err != nil || !bytes.Equal(want, got) {
					t.Fatalf("value %d: error %v, got\n%s\nwant\n%s", i, err, got, want)
				}
			}
		})
	}
}

func TestUnknownMembersSurviveInRequests(t *testing.T) {
	random := seeded(t, 2025)
	for _, typ := range requestTypes {
		t.Run(typ.Name(), func(t *testing.T) {
			full := reflect.New(typ)
			fill(random, full.Elem(), always)
			text, err := Encode(full.Interface())
			if err != nil {
				t.Fatal(err)
			}
			checkSurvival(t, typ, text)
		})
	}
}

// answers have each documented member in each object.
var answers = map[reflect.Type][]string{
	reflect.TypeFor[PaymentRequest](): {`{
		"payment_request_id":"i","payment_request_reference":"r","amount":0,"currency":"EUR","state":"COMPLETED","previous_state":"IN_PROGRESS",
		"state_reason":"R","state_context":{
			"customer_interaction":{"method":"HANDOVER","payment_request_id":"i","payment_request_url":"u","qr_code":{"image_url":"i","target_url":"t"}},
			"klarna_network_session_token":"a","interoperability_token":"b","payment_token":"c",
			"klarna_customer":{"customer_profile":{"given_name":"g","address":{"city":"c"}},"customer_token":"t"},"shipping":[{"amount":1.50}]},
		"expires_at":"2026-10-13T12:00:00.123456789Z","created_at":"2026-10-13T12:00:00Z","updated_at":"2026-10-13T12:00:00Z","canceled_at":"2026-10-13T12:00:00Z",
		"supplementary_purchase_data":{"line_items":[{"total_amount":1e2}]},"customer_interaction_config":{"method":"X"},"payment_option_id":"o"}`},
	reflect.TypeFor[PaymentTransaction](): {`{
		"payment_transaction_id":"i","payment_transaction_reference":"r","amount":0,"currency":"EUR","state":"CLOSED","expires_at":"2026-10-13T12:00:00Z",
		"settlement_currency":"SEK","payment_funding":{"type":"GUARANTEED","state":"FUNDED"},"payment_pricing":[{"a":1.50}],"payment_captures":[{"payment_capture_id":"c"}]}`},
	reflect.TypeFor[PaymentCapture](): {`{"payment_capture_id":"i","payment_capture_reference":"r",
		"supplementary_capture_data":{"line_items":[{"name":"n"}],"shipments":[{"delivery":{},"return":null}]}}`},
	reflect.TypeFor[PaymentRefund]():     {`{"payment_refund_id":"i","refund_amount":5,"details":{"a":[{}]}}`},
	reflect.TypeFor[PaymentChargeback](): {`{"payment_chargeback_id":"i","amount":5,"details":{"a":[{}]}}`},
	reflect.TypeFor[CustomerTokenResponse](): {
		`{"result":"APPROVED","result_reason":"R","customer_token":{"customer_token_id":"i","customer_token_reference":"r"}}`,
		`{"result":"","customer_token":{"customer_token":"t","customer_token_reference":"r"}}`,
		`{"result":"DECLINED"}`,
	},
	reflect.TypeFor[CustomerInteraction](): {
		`{"method":"QR_CODE","qr_code":{"image_url":"i","target_url":"t"}}`,
		`{"payment_request_url":"u","qr_code":["of another shape",{}]}`,
	},
}

func TestUnknownMembersSurviveInAnswers(t *testing.T) {
	for typ, texts := range answers {
		for i, text := range texts {
			t.Run(fmt.Sprintf("%s %d", typ.Name(), i), func(t *testing.T) {
				checkSurvival(t, typ, []byte(text))
			})
		}
	}
}

// A token that was decoded from a string is encoded as an object, because a string has no place for
// other members.
func TestCustomerTokenFromAStringSurvives(t *testing.T) {
	var before, after CustomerTokenResponse
	if err := Decode([]byte(`{"result":"APPROVED","customer_token":"krn:token"}`), &before); err != nil {
		t.Fatal(err)
	}
	text, err := Encode(&before)
	if err != nil {
		t.Fatal(err)
	}
	if err := Decode(text, &after); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" || after.CustomerToken.Secret().Reveal() != "krn:token" {
		t.Errorf("%s (-before +after):\n%s", text, diff)
	}
}

// A decoded answer sets each field. A member with a misspelled name would be in Unknown.
func TestEachMemberOfAnAnswerHasAField(t *testing.T) {
	for typ, texts := range answers {
		if typ == reflect.TypeFor[PaymentRefund]() || typ == reflect.TypeFor[PaymentChargeback]() {
			continue // few of its members are documented
		}
		t.Run(typ.Name(), func(t *testing.T) {
			answer := reflect.New(typ)
			if err := Decode([]byte(texts[0]), answer.Interface()); err != nil {
				t.Fatal(err)
			}
			if unknown := answer.Elem().FieldByName("Unknown").Interface().(klarna.Unknown); len(unknown) > 0 {
				t.Errorf("got the unknown members %q, want a field for each", slices.Sorted(maps.Keys(unknown)))
			}
		})
	}
}

// checkSurvival adds an unknown member to each object of text, decodes and encodes it, and compares
// the result.
func checkSurvival(t *testing.T, typ reflect.Type, text []byte) {
	t.Helper()
	before := generic(t, text)
	objects := 0
	addMembers(before, &objects)
	if objects == 0 {
		t.Fatal("got no object")
	}
	text, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	value := reflect.New(typ)
	if err := Decode(text, value.Interface()); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	again, err := Encode(value.Interface())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, generic(t, again)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// A caller stores the first request between the two calls. Its JSON has only Klarna's names.
func TestStoredRequestHasKlarnasNames(t *testing.T) {
	request := AuthorizeParams{Currency: "EUR", Unknown: klarna.Unknown{"newer": klarna.NewRawJSON(`1.50`)}}
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"currency":"EUR","newer":1.50}`; string(text) != want {
		t.Errorf("got the JSON %s, want %s", text, want)
	}
}

// The time zone of a machine must not make a stored request another call.
func TestTimeZoneDoesNotChangeTheCall(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 600, time.FixedZone("CET", 3600))
	request := AuthorizeParams{Currency: "EUR", SupplementaryPurchaseData: &SupplementaryPurchaseData{Customer: &Customer{EmailLastVerifiedAt: at}}}
	stored, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	var back AuthorizeParams
	if err := json.Unmarshal(stored, &back); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(back); err != nil || !bytes.Equal(stored, again) {
		t.Errorf("stored\n%s\ngot\n%s and the error %v", stored, again, err)
	}
}
