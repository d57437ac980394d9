package authorization

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna"
)

// supplementaryRoots are the types that contain all types of the supplementary data.
var supplementaryRoots = []reflect.Type{
	reflect.TypeFor[SupplementaryPurchaseData](),
	reflect.TypeFor[SupplementaryCaptureData](),
	reflect.TypeFor[SupplementaryRefundData](),
}

// everyMember has each documented member. It is written from Klarna's documentation and not from
// the Go types, so that a misspelled name fails a test.
const everyMember = `{
 "purchase_reference":"p","additional_data":"{\"older\":1}",
 "line_items":[{"name":"n","quantity":2,"total_amount":1180,"total_tax_amount":0,"unit_price":590,"product_url":"u",
  "image_url":"i","product_identifier":"pi","line_item_reference":"l1","shipping_reference":"s1","subscription_reference":"u1",
  "line_item_metadata":{"categories":["a","b"]}}],
 "customer":{"given_name":"g","family_name":"f","email":"e","email_last_verified_at":"2025-01-02T03:04:05.123456789Z","phone":"+4",
  "phone_last_verified_at":"2025-01-02T03:04:05Z","date_of_birth":"1990-01-02",
  "address":{"street_address":"a","street_address2":"b","postal_code":"c","city":"d","region":"CA","country":"US"},
  "national_identification":{"number":"9","country":"SE"},
  "customer_account":{"account_identifier":"a","loyalty_level":"l","created_at":"2025-01-02T03:04:05Z","updated_at":"2025-01-02T03:04:05Z",
   "last_login":{"occurred_at":"2025-01-02T03:04:05Z","login_method":"m"},
   "purchase_history":[{"number_of_purchases":3,"number_of_paid_purchases":2,"number_of_disputed_purchases":0,"total_amount":9,"currency":"EUR",
    "payment_method":"card","first_purchase_at":"2025-01-02T03:04:05Z","last_purchase_at":"2025-01-02T03:04:05Z"}],
   "device_purchase_history":[{"number_of_purchases":0}]},
  "customer_device":{"app_identifier":"a","device_identifier":"d","user_agent":"u","ip_address":"192.0.2.1",
   "geolocation":{"country":"GH","latitude":0,"longitude":-0.25}}},
 "shipping":[{"shipping_reference":"s1","recipient":{"given_name":"g","family_name":"f","email":"e","phone":"1","attention":"a"},
  "address":{"city":"d"},"shipping_option":{"shipping_type":"TO_DOOR","shipping_type_attributes":["EXPRESS","OF_TOMORROW"],"shipping_carrier":"c"}}],
 "subscriptions":[{"subscription_reference":"u1","name":"n","free_trial":"ACTIVE","billing_plans":[{"billing_amount":0,"currency":"EUR",
  "from":"2025-01-02","interval":"MONTH","interval_frequency":1}]}],
 "ondemand_service":{"currency":"EUR","average_amount":2,"minimum_amount":0,"maximum_amount":3,"purchase_interval":"DAY","purchase_interval_frequency":1},
 "travel_reservations":[
  {"travel_type":"TRAIN","reservation_reference":"r","departure":{"departure_location":"l","departs_at":"2025-01-02T03:04:05Z","address":{"city":"c"}},
   "arrival":{"arrival_location":"l","arrives_at":"2025-01-02T03:04:05Z","address":{"city":"c"}},"carrier_name":"c","price":0,"currency":"EUR",
   "ticket_class":"2","passengers":[{"given_name":"g","family_name":"f"}],"insurances":[{"price":1}],"affiliate_name":"a"},
  {"travel_type":"AIR","departure":{"departure_airport":"ARN","street_address":"s","city":"c","country":"SE"},
   "arrival":{"arrival_airport":"TXL","street_address":"s","city":"c","country":"DE"}}],
 "lodging_reservations":[{"lodging_name":"l","address":{"city":"c"},"starts_at":"2025-01-02T03:04:05Z","ends_at":"2025-01-02T03:04:05Z",
  "number_of_spaces":0,"price":1,"currency":"EUR","lodging_type":"t","guests":[{"given_name":"g","family_name":"f"}],
  "hosts":{"host_reference":"h","host_type":"t","country_of_domicile":"SE","registered_at":"2025-01-02T03:04:05Z","number_of_reservations":0},
  "insurances":[{"insurance_type":"CANCELATION"}],"affiliate_name":"a"}],
 "event_reservations":[{"event_name":"e","event_company_name":"c","event_type":"t","starts_at":"2025-01-02T03:04:05Z","ends_at":"2025-01-02T03:04:05Z",
  "venue_name":"v","access_controlled_venue":false,"address":{"city":"c"},"affiliate_name":"a","insurances":[{"currency":"EUR"}]}],
 "insurances":[{"insurance_type":"CANCELATION","insurance_company_name":"c","price":0,"currency":"EUR"}],
 "vouchers":[{"voucher_name":"v","voucher_type":"t","voucher_company":"c","starts_at":"2025-01-02T03:04:05Z","ends_at":"2025-01-02T03:04:05Z","affiliate_name":"a"}],
 "marketplace_sellers":[{"marketplace_seller_reference":"r","marketplace_seller_name":"n","marketplace_seller_address":{"city":"c"},
  "product_category":"c","line_item_references":["l1"],"shipping_references":["s1"],"seller_registered_at":"2025-01-02T03:04:05Z",
  "seller_updated_at":"2025-01-02T03:04:05Z","seller_last_login_at":"2025-01-02T03:04:05Z","seller_rating":4.5,"number_of_transactions":0,
  "volume_of_transactions":0}]}`

const everyCaptureMember = `{"line_items":[{"name":"n","quantity":1,"total_amount":-5}],"shipments":[{
 "delivery":{"tracking_number":"t","tracking_url":"u","shipping_carrier":"c","shipping_type":"TO_DOOR","shipping_type_attribute":"TRACKED","estimated_delivery_date":"2025-01-02"},
 "return":{"tracking_number":"r"}}]}`

func TestEachDocumentedMemberHasAField(t *testing.T) {
	named := make(map[string]bool)
	for name, c := range map[string]struct {
		text string
		data any
	}{
		"supplementary_purchase_data": {everyMember, new(SupplementaryPurchaseData)},
		"supplementary_capture_data":  {everyCaptureMember, new(SupplementaryCaptureData)},
		"supplementary_refund_data":   {`{"line_items":[{"name":"n","quantity":1,"total_amount":5}]}`, new(SupplementaryRefundData)},
	} {
		t.Run(name, func(t *testing.T) {
			if err := Decode([]byte(c.text), c.data); err != nil {
				t.Fatal(err)
			}
			walk(reflect.ValueOf(c.data), func(v reflect.Value) {
				if unknown, ok := reflect.TypeAssert[klarna.Unknown](v); ok && len(unknown) > 0 {
					t.Errorf("got the unknown members %q, want a field for each", slices.Sorted(maps.Keys(unknown)))
				}
				if v.Kind() == reflect.Struct && v.Type().PkgPath() == reflect.TypeFor[AuthorizeParams]().PkgPath() {
					for i := range v.NumField() {
						if !v.Field(i).IsZero() {
							named[v.Type().Name()+"."+v.Type().Field(i).Name] = true
						}
					}
				}
			})
			text, err := Encode(c.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(generic(t, []byte(c.text)), generic(t, text)); diff != "" {
				t.Errorf("decoded and encoded again (-before +after):\n%s", diff)
			}
		})
	}
	for _, typ := range supplementaryTypes() {
		for i := range typ.NumField() - 1 {
			if name := typ.Name() + "." + typ.Field(i).Name; !named[name] {
				t.Errorf("got the field %s, which is not documented", name)
			}
		}
	}
}

func TestConstantsAreTheDocumentedValues(t *testing.T) {
	for name, c := range map[string]struct {
		contract string
		listed   any
	}{
		"shipping_type": {
			"TO_DOOR TO_CURB TO_MAILBOX PICKUP_BOX PICKUP_POINT PICKUP_STORE PICKUP_WAREHOUSE DIGITAL_EMAIL DIGITAL_DOWNLOAD DIGITAL_OTHER PHYSICAL_OTHER",
			[]ShippingType{
				ShippingTypeToDoor, ShippingTypeToCurb, ShippingTypeToMailbox, ShippingTypePickupBox, ShippingTypePickupPoint, ShippingTypePickupStore,
				ShippingTypePickupWarehouse, ShippingTypeDigitalEmail, ShippingTypeDigitalDownload, ShippingTypeDigitalOther, ShippingTypePhysicalOther,
			},
		},
		"shipping_type_attributes": {
			"SIGNATURE_REQUIRED IDENTIFICATION_REQUIRED CONTACTLESS_DELIVERY LEAVE_AT_DOOR LEAVE_AT_CURB LEAVE_WITH_NEIGHBOUR EXPRESS TRACKED UNTRACKED",
			[]ShippingTypeAttribute{
				ShippingTypeAttributeSignatureRequired, ShippingTypeAttributeIdentificationRequired, ShippingTypeAttributeContactlessDelivery,
				ShippingTypeAttributeLeaveAtDoor, ShippingTypeAttributeLeaveAtCurb, ShippingTypeAttributeLeaveWithNeighbour, ShippingTypeAttributeExpress,
				ShippingTypeAttributeTracked, ShippingTypeAttributeUntracked,
			},
		},
		"free_trial":     {"ACTIVE INACTIVE", []FreeTrial{FreeTrialActive, FreeTrialInactive}},
		"interval":       {"DAY WEEK MONTH YEAR", []klarna.BillingInterval{klarna.BillingIntervalDay, klarna.BillingIntervalWeek, klarna.BillingIntervalMonth, klarna.BillingIntervalYear}},
		"travel_type":    {"AIR BUS TRAIN", []TravelType{TravelTypeAir, TravelTypeBus, TravelTypeTrain}},
		"insurance_type": {"CANCELATION", []InsuranceType{InsuranceTypeCancelation}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff("["+c.contract+"]", fmt.Sprint(c.listed)); diff != "" {
				t.Errorf("values (-documented +constants):\n%s", diff)
			}
		})
	}
}

func TestUnknownMembersSurviveAtEachLevel(t *testing.T) {
	random := seeded(t, 9)
	for _, root := range supplementaryRoots {
		// The JSON of a value with each field set, with an unknown member in each object.
		full := reflect.New(root)
		fill(random, full.Elem(), always)
		text, err := Encode(full.Interface())
		if err != nil {
			t.Fatal(err)
		}
		before := generic(t, text)
		objects := 0
		addMembers(before, &objects)
		text, err = json.Marshal(before)
		if err != nil {
			t.Fatal(err)
		}
		for name, codec := range map[string]struct {
			decode func([]byte, any) error
			encode func(any) ([]byte, error)
		}{
			"this library's encoder": {Decode, Encode},
			"encoding/json":          {json.Unmarshal, json.Marshal},
		} {
			t.Run(root.Name()+" by "+name, func(t *testing.T) {
				data := reflect.New(root)
				if err := codec.decode(text, data.Interface()); err != nil {
					t.Fatal(err)
				}
				kept := 0
				walk(data, func(v reflect.Value) {
					if unknown, ok := reflect.TypeAssert[klarna.Unknown](v); ok && !unknown["of_tomorrow"].IsZero() {
						kept++
					}
				})
				if kept != objects {
					t.Errorf("got %d objects with it in Unknown, want %d", kept, objects)
				}
				text, err := codec.encode(data.Interface())
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(before, generic(t, text)); diff != "" {
					t.Errorf("(-before +after):\n%s", diff)
				}
			})
		}
	}
}

func TestUnexpectedTypeKeepsTheOtherMembers(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want SupplementaryPurchaseData
	}{
		"hosts are a list": {
			`{"purchase_reference":"p","lodging_reservations":[{"hosts":[]}],"new":1}`,
			SupplementaryPurchaseData{
				PurchaseReference:   "p",
				LodgingReservations: []LodgingReservation{{Unknown: klarna.Unknown{"hosts": klarna.NewRawJSON(`[]`)}}},
				Unknown:             klarna.Unknown{"new": klarna.NewRawJSON(`1`)},
			},
		},
		"an amount is not whole": {
			`{"line_items":[{"name":"a","quantity":1,"total_amount":1.5}],"customer":{"email":"e"}}`,
			SupplementaryPurchaseData{
				LineItems: []LineItem{{Name: "a", Quantity: 1, Unknown: klarna.Unknown{"total_amount": klarna.NewRawJSON(`1.5`)}}},
				Customer:  &Customer{Email: "e"},
			},
		},
		"a list has an element of another type": {
			`{"line_items":[{"name":"a"},7]}`,
			SupplementaryPurchaseData{Unknown: klarna.Unknown{"line_items": klarna.NewRawJSON(`[{"name":"a"},7]`)}},
		},
		"it is null": {`null`, SupplementaryPurchaseData{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := SupplementaryPurchaseData{AdditionalData: "what was there before"}
			if err := Decode([]byte(c.text), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			if strings.HasPrefix(c.text, "{") {
				text, err := Encode(&got)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(generic(t, []byte(c.text)), generic(t, text)); diff != "" {
					t.Errorf("encoded again (-before +after):\n%s", diff)
				}
			}
		})
	}
}

func TestRepeatedMemberIsReadOnceAndNeverSent(t *testing.T) {
	var got SupplementaryPurchaseData
	if err := json.Unmarshal([]byte(`{"purchase_reference":"a","purchase_reference":"b"}`), &got); err != nil || got.PurchaseReference != "a" || got.Unknown != nil {
		t.Errorf("%q, %d unknown members, %v", got.PurchaseReference, len(got.Unknown), err)
	}
	twice := SupplementaryPurchaseData{PurchaseReference: "a", Unknown: klarna.Unknown{"purchase_reference": klarna.NewRawJSON(`"b"`)}}
	for name, encode := range map[string]func(any) ([]byte, error){"sent": Encode, "encoding/json": json.Marshal} {
		if text, err := encode(&twice); err == nil || !strings.Contains(err.Error(), "purchase_reference") {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
}

func TestEachTypeHasWireTags(t *testing.T) {
	types := supplementaryTypes()
	if len(types) < 30 {
		t.Fatalf("got %d types, want more", len(types))
	}
	for _, typ := range types {
		t.Run(typ.Name(), func(t *testing.T) {
			last := typ.Field(typ.NumField() - 1)
			if last.Name != "Unknown" || last.Type != reflect.TypeFor[klarna.Unknown]() || last.Tag.Get("json") != ",embed" {
				t.Errorf("the last field is %s %s %q, want Unknown klarna.Unknown with embed alone", last.Name, last.Type, last.Tag)
			}
			for i := range typ.NumField() - 1 {
				f := typ.Field(i)
				name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
				if !f.IsExported() || !strings.EqualFold(strings.ReplaceAll(name, "_", ""), f.Name) || name != strings.ToLower(name) {
					t.Errorf("%s is tagged %q: a wire name appears in Go as itself", f.Name, f.Tag)
				}
				required := typ == reflect.TypeFor[LineItem]() && slices.Contains([]string{"name", "quantity", "total_amount"}, name)
				if want := map[bool]string{true: "", false: "omitzero"}[required]; option != want {
					t.Errorf("%s has the option %q, want %q", f.Name, option, want)
				}
				element := f.Type
				for element.Kind() == reflect.Pointer || element.Kind() == reflect.Slice {
					element = element.Elem()
				}
				if k := element.Kind(); k == reflect.Float32 || k == reflect.Float64 {
					if name != "latitude" && name != "longitude" {
						t.Errorf("%s is a float: no amount and no price may be one", f.Name)
					}
				}
				number := f.Type.Kind() == reflect.Int || f.Type.Kind() == reflect.Int64 || f.Type.Kind() == reflect.Float64 || f.Type.Kind() == reflect.Bool
				if number && !required && !strings.HasSuffix(name, "interval_frequency") {
					t.Errorf("%s is a %s: if 0 or false is a value, the field needs a pointer", f.Name, f.Type)
				}
				if money := strings.Contains(name, "amount") || strings.Contains(name, "price"); money && element.Kind() != reflect.Int64 {
					t.Errorf("%s is a %s, want int64 in minor units", f.Name, f.Type)
				}
			}
		})
	}
}

func TestSupplementaryTypesPrintNoContents(t *testing.T) {
	random := seeded(t, 1815)
	for _, typ := range supplementaryTypes() {
		t.Run(typ.Name(), func(t *testing.T) {
			full := reflect.New(typ)
			fill(random, full.Elem(), always)
			pointer, value := full.Interface(), full.Elem().Interface()
			list := reflect.Append(reflect.MakeSlice(reflect.SliceOf(typ), 0, 1), full.Elem()).Interface()

			var printed bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.3f", "%c", "%e", "%o", "%T"} {
				for _, v := range []any{pointer, value, list, struct{ Field any }{value}} {
					fmt.Fprintf(&printed, verb+"\n", v)
				}
			}
			fmt.Fprintln(&printed, pointer, value, list)
			timeless := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
				if len(groups) == 0 && a.Key == slog.TimeKey {
					return slog.Attr{} // its digits can equal the canary's
				}
				return a
			}}
			for _, handler := range []slog.Handler{slog.NewTextHandler(&printed, timeless), slog.NewJSONHandler(&printed, timeless)} {
				slog.New(handler).Info("data", "pointer", pointer, "value", value, slog.Group("group", "value", value))
			}
			slog.New(slog.NewTextHandler(&printed, timeless)).Info("data", "list", list)

			text := printed.String()
			for _, canary := range []string{canaryText, fmt.Sprintf("%x", canaryText), fmt.Sprintf("%X", canaryText), strconv.Itoa(canaryNumber), "1815"} {
				if at := strings.Index(text, canary); at >= 0 {
					t.Errorf("got %q in %s", canary, text[max(0, at-40):min(len(text), at+40)])
				}
			}
			if fmt.Sprint(value) != "[redacted]" {
				t.Errorf("got %v, want [redacted]", value)
			}
		})
	}
}

func TestValidationRefusesOnlyWrongSums(t *testing.T) {
	lines := func(amounts ...int64) *SupplementaryPurchaseData {
		d := new(SupplementaryPurchaseData)
		for _, amount := range amounts {
			d.LineItems = append(d.LineItems, LineItem{Name: "n", Quantity: 1, TotalAmount: amount})
		}
		return d
	}
	wrong := func(reason string) []klarna.ValidationError {
		return []klarna.ValidationError{{Parameter: "body.supplementary_purchase_data.line_items", Reasons: []string{reason}}}
	}
	for name, c := range map[string]struct {
		data   *SupplementaryPurchaseData
		amount int64
		want   []klarna.ValidationError
	}{
		"no data":                               {nil, 1200, nil},
		"data without lines":                    {lines(), 1200, nil},
		"lines that sum to the amount":          {lines(1000, 200), 1200, nil},
		"a discount is a negative line":         {lines(1300, -100), 1200, nil},
		"lines of a free purchase":              {lines(100, -100), 0, nil},
		"lines that sum to less":                {lines(1000, 180), 1200, wrong("sum to 1180, but the amount is 1200")},
		"lines that sum to more":                {lines(1000, 201), 1200, wrong("sum to 1201, but the amount is 1200")},
		"one line of nothing":                   {lines(0), 1200, wrong("sum to 0, but the amount is 1200")},
		"a sum that wraps around to the amount": {lines(math.MaxInt64, math.MaxInt64, 1202), 1200, wrong("sum to a number that is too large for an amount")},
		"a sum just past the largest amount":    {lines(math.MaxInt64, 1), math.MaxInt64, wrong("sum to a number that is too large for an amount")},
		"a sum that is too large only half-way": {lines(math.MaxInt64, 1200, -math.MaxInt64), 1200, nil},
		"undocumented values":                   {&SupplementaryPurchaseData{Shipping: []Shipping{{ShippingOption: &ShippingOption{ShippingType: "BY_DRONE"}}}}, 1200, nil},
		"references to nothing":                 {&SupplementaryPurchaseData{MarketplaceSellers: []MarketplaceSeller{{LineItemReferences: []string{"?"}}}}, 1200, nil},
		"strings that are longer than a likely limit": {
			&SupplementaryPurchaseData{Customer: &Customer{GivenName: strings.Repeat("g", 500)}}, 1200, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.data.problems("body.supplementary_purchase_data", c.amount)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLinesTotal(t *testing.T) {
	for name, c := range map[string]struct {
		amounts []int64
		want    int64
	}{
		"no lines":                                {nil, 0},
		"one line":                                {[]int64{1180}, 1180},
		"lines and a discount":                    {[]int64{1000, 300, -120}, 1180},
		"the discount first":                      {[]int64{-120, 1000, 300}, 1180},
		"discounts alone":                         {[]int64{-1, -2}, -3},
		"the largest sum":                         {[]int64{math.MaxInt64 - 1, 1}, math.MaxInt64},
		"the smallest sum":                        {[]int64{math.MinInt64 + 1, -1}, math.MinInt64},
		"both ends":                               {[]int64{math.MaxInt64, math.MinInt64}, -1},
		"too large on the way, not in the end":    {[]int64{math.MaxInt64, 5, -10}, math.MaxInt64 - 5},
		"too small on the way, not in the end":    {[]int64{math.MinInt64, -5, 10}, math.MinInt64 + 5},
		"too large":                               {[]int64{math.MaxInt64, 1}, math.MaxInt64},
		"too large by so much that it would wrap": {[]int64{math.MaxInt64, math.MaxInt64, 2}, math.MaxInt64},
		"too small":                               {[]int64{math.MinInt64, -1}, math.MinInt64},
		"too small by so much that it would wrap": {[]int64{math.MinInt64, math.MinInt64}, math.MinInt64},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []LineItem
			for _, amount := range c.amounts {
				lines = append(lines, LineItem{TotalAmount: amount})
			}
			if got := LinesTotal(lines); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

// supplementaryTypes returns the struct types of this package that the roots contain.
func supplementaryTypes() []reflect.Type {
	var found []reflect.Type
	var visit func(reflect.Type)
	visit = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice:
			visit(t.Elem())
		case reflect.Struct:
			if t.PkgPath() != reflect.TypeFor[AuthorizeParams]().PkgPath() || slices.Contains(found, t) {
				return
			}
			found = append(found, t)
			for field := range t.Fields() {
				visit(field.Type)
			}
		}
	}
	for _, root := range supplementaryRoots {
		visit(root)
	}
	return found
}

// Generated strings and numbers contain the canaries, so that tests find them in a text.
const (
	canaryText   = "canary-ada"
	canaryNumber = 18151210
)

// seeded returns a source of random numbers that is the same in each run.
func seeded(t *testing.T, seed uint64) *rand.Rand {
	t.Helper()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, seed))
}

func always(*rand.Rand) bool        { return true }
func sometimes(r *rand.Rand) bool   { return r.IntN(3) > 0 }
func anyText(r *rand.Rand) string   { return canaryText + texts[r.IntN(len(texts))] }
func anyTime(r *rand.Rand) int64    { return r.Int64N(1_000_000_000) }
func anyFloat(r *rand.Rand) float64 { return 1815 + r.NormFloat64()/10 }

var texts = []string{"", " ", `"\/`, "åé€", "\U0001F6D2", "\u2028", "<&>", "\x7f", "null", "{}"}

// fill sets the fields of v that are required, and those for which set returns true, to generated
// values.
func fill(r *rand.Rand, v reflect.Value, set func(*rand.Rand) bool) {
	switch value := v.Addr().Interface().(type) {
	case *time.Time:
		*value = time.Unix(-4_868_000_000+anyTime(r)/1000, anyTime(r)).UTC() // about 1815
		return
	case *klarna.RawJSON:
		*value = anyJSON(r)
		return
	case *klarna.Secret:
		*value = klarna.NewSecret(anyText(r))
		return
	case *klarna.Unknown:
		*value = klarna.Unknown{"of_" + canaryText: anyJSON(r), "": anyJSON(r)}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem(), set)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.IntN(2), 2))
		for i := range v.Len() {
			fill(r, v.Index(i), set)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if set(r) {
				fill(r, field, set)
			}
		}
	case reflect.String:
		v.SetString(anyText(r))
	case reflect.Int, reflect.Int64:
		v.SetInt(canaryNumber)
		if !set(r) {
			v.SetInt([]int64{0, 1, -1, math.MaxInt64, math.MinInt64}[r.IntN(5)])
		}
	case reflect.Float64:
		v.SetFloat(anyFloat(r))
		if !set(r) {
			v.SetFloat([]float64{0, -0.25, 90, -180, math.SmallestNonzeroFloat64}[r.IntN(5)])
		}
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	default:
		panic("no generator for " + v.Type().String())
	}
}

func anyJSON(r *rand.Rand) klarna.RawJSON {
	return klarna.NewRawJSON([]string{`"` + canaryText + `"`, `18151210.50`, `{"b":[1,{}],"a":"` + canaryText + `"}`, `[]`, `true`}[r.IntN(5)])
}

// walk calls visit with each value in v.
func walk(v reflect.Value, visit func(reflect.Value)) {
	visit(v)
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	case reflect.Struct:
		if v.Type().PkgPath() != reflect.TypeFor[AuthorizeParams]().PkgPath() {
			return
		}
		for _, field := range v.Fields() {
			walk(field, visit)
		}
	}
}

// addMembers adds a member to each object that a type of this package decodes, and counts the
// objects. It skips objects in unknown members.
func addMembers(v any, objects *int) {
	switch v := v.(type) {
	case map[string]any:
		*objects++
		for name, member := range v {
			if name != "" && name != "of_"+canaryText && name != "seller_rating" {
				addMembers(member, objects)
			}
		}
		v["of_tomorrow"] = map[string]any{"since": "tomorrow", "list": []any{json.Number("1"), nil}}
	case []any:
		for _, element := range v {
			addMembers(element, objects)
		}
	}
}

// generic decodes JSON and keeps the spelling of numbers.
func generic(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
