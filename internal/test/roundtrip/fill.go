package roundtrip

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// Filling configures how a value is filled.
type Filling struct {
	// Full sets every member. Otherwise optional members are set at random; required members are
	// always set.
	Full bool
	// Secrets sets secrets. Without it they are zero, and everything else is the same.
	Secrets bool
	// Misfits puts values of an unexpected type into Unknown for some members that are not set.
	Misfits bool
}

// Fill sets the members of value, which is a pointer to a wire type, to random values. The same
// source gives the same value. Raw JSON has the form in which it is encoded, so that decoding
// returns the same text.
func Fill(random *rand.Rand, value any, filling Filling) {
	f := filler{random, filling}
	f.fill(reflect.ValueOf(value).Elem())
}

type filler struct {
	random *rand.Rand
	Filling
}

func (f *filler) fill(v reflect.Value) {
	r := f.random
	switch value := v.Addr().Interface().(type) {
	case *time.Time:
		// The latest year is 9892.
		*value = time.Unix(r.Int64N(250_000_000_000), r.Int64N(1_000_000_000)).UTC()
		return
	case *redact.RawJSON:
		*value = anyJSON(r)
		return
	case *redact.Secret:
		if secret := redact.NewSecret(anyText(r) + "-secret"); f.Secrets {
			*value = secret
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		n := r.IntN(3)
		if f.Full {
			n = 2
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f.fill(v.Index(i))
		}
	case reflect.Struct:
		f.fillStruct(v)
	case reflect.String:
		v.SetString(anyText(r))
	case reflect.Int, reflect.Int64:
		v.SetInt([]int64{0, 1, -1, 118_00, math.MaxInt64, math.MinInt64, r.Int64()}[r.IntN(7)])
	case reflect.Float64:
		v.SetFloat([]float64{0, -0.25, 90, -180, math.MaxFloat64, math.SmallestNonzeroFloat64, r.NormFloat64()}[r.IntN(7)])
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	default:
		panic("no value is known for a " + v.Type().String())
	}
	if f.Full && v.IsZero() {
		switch v.Kind() {
		case reflect.String:
			v.SetString("set")
		case reflect.Int, reflect.Int64:
			v.SetInt(1815)
		case reflect.Float64:
			v.SetFloat(0.5)
		case reflect.Bool:
			v.SetBool(true)
		}
	}
}

func (f *filler) fillStruct(v reflect.Value) {
	r := f.random
	unknown := redact.Unknown{}
	var embedded reflect.Value
	for _, m := range membersOf(v.Type()) {
		switch {
		case m.embedded:
			embedded = v.Field(m.field)
		case f.Full || m.required || r.IntN(2) == 0:
			f.fill(v.Field(m.field))
		case f.Misfits && r.IntN(8) == 0 && m.of != reflect.TypeFor[redact.RawJSON]():
			unknown[m.name] = redact.NewRawJSON(misfit(m.of))
		}
	}
	if f.Full || r.IntN(2) == 0 {
		for range 1 + r.IntN(3) {
			unknown["of_tomorrow"+anyText(r)] = anyJSON(r)
		}
	}
	if len(unknown) > 0 {
		embedded.Set(reflect.ValueOf(unknown))
	}
}

// misfit returns a value that does not fit any member of a type.
func misfit(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Bool {
		return `"yes"`
	}
	return `true`
}

// member is a member of a wire type, or its unknown members.
type member struct {
	field    int
	name     string
	of       reflect.Type
	required bool
	embedded bool
}

// membersOf returns the members of a wire type, its unknown members last.
func membersOf(t reflect.Type) []member {
	var list []member
	var embedded member
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("json")
		name, rest, _ := strings.Cut(tag, ",")
		m := member{field: i, name: name, of: t.Field(i).Type, required: rest != "omitzero", embedded: rest == "embed"}
		switch {
		case m.embedded:
			embedded = m
		case name != "" && name != "-":
			list = append(list, m)
		}
	}
	if !embedded.embedded {
		panic(t.String() + " is not a wire type")
	}
	return append(list, embedded)
}

// strs are strings that are difficult to encode or decode correctly.
var strs = []string{
	"", " ", "a", "krn:payment:eu1:request:6a7f3f6e", `"\/`, "å é e\u0301 €", "\U0001F6D2", "\u2028\u2029", "<&>", "\x00\x1f\x7f\u0080", "\ufeff",
	"\ufffd", "null", "{}", "1000", "{klarna.payment_request.id}", strings.Repeat("long ", 40),
}

func anyText(r *rand.Rand) string { return strs[r.IntN(len(strs))] + strs[r.IntN(len(strs))] }

func anyJSON(r *rand.Rand) redact.RawJSON {
	list := []string{
		`null`, `true`, `"text"`, `"å\"<&>"`, `18151210.50`, `1e400`, `-0`, `12345678901234567890`, `[]`, `{}`, `[[],{"":[null]}]`,
		`{"b":[1,{}],"a":"Ada"}`,
	}
	return redact.NewRawJSON(list[r.IntN(len(list))])
}
