package roundtrip

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// CheckSent checks wire types as they are sent. Each of types is a pointer to a zero value. encode
// and decode are the package's own. The bytes must be those that the JSON module's encoder produces
// by reflection from the struct tags, and the value must come back unchanged, including its
// secrets.
func CheckSent(t *testing.T, encode func(value any) ([]byte, error), decode func(text []byte, value any) error, types ...any) {
	t.Helper()
	for _, zero := range types {
		of := reflect.TypeOf(zero).Elem()
		t.Run(of.Name(), func(t *testing.T) {
			each(of, func(seed uint64, filling Filling) {
				filling.Secrets = true
				before := filled(of, seed, filling)
				text, err := encode(before)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if want, err := ByReflection(before); err != nil || !bytes.Equal(text, want) {
					t.Fatalf("seed %d: (%v) by reflection it is\n%s\nand as it is sent\n%s", seed, err, want, text)
				}
				after := reflect.New(of).Interface()
				if err := decode(text, after); err != nil {
					t.Fatalf("seed %d: %v\n%s", seed, err, text)
				}
				if diff := Diff(before, after); diff != "" {
					t.Fatalf("seed %d (-before +after):\n%s", seed, diff)
				}
				if again, err := encode(after); err != nil || !bytes.Equal(text, again) {
					t.Fatalf("seed %d: encoded again (%v) it is\n%s\nand was\n%s", seed, err, again, text)
				}
			})
		})
	}
}

// CheckAnyBytes checks that every value that decode accepts can be encoded as JSON, and that
// encoding it for sending is stable. zero is a pointer to the type.
func CheckAnyBytes(t *testing.T, encode func(value any) ([]byte, error), decode func(text []byte, value any) error, text []byte, zero any) {
	t.Helper()
	of := reflect.TypeOf(zero).Elem()
	first, second, third := reflect.New(of).Interface(), reflect.New(of).Interface(), reflect.New(of).Interface()
	if decode(text, first) != nil {
		return
	}
	stored, err := json.Marshal(first)
	if err != nil {
		t.Fatalf("decoded, but not encoded: %v\n%s", err, text)
	}
	if err := decode(stored, second); err != nil {
		t.Fatalf("encoded, but not decoded: %v\n%s", err, stored)
	}
	sent, err := encode(first)
	if err != nil {
		// An unknown member may have a value that is never sent, such as text that is not UTF-8.
		if !strings.Contains(err.Error(), "raw JSON that is not valid") {
			t.Fatalf("decoded, but not sent: %v\n%s", err, text)
		}
		return
	}
	if err := decode(sent, third); err != nil {
		t.Fatalf("sent, but not decoded: %v\n%s", err, sent)
	}
	if again, err := encode(third); err != nil || !bytes.Equal(sent, again) {
		t.Fatalf("sent again (%v) it is\n%s\nand was\n%s", err, again, sent)
	}
}

// ByReflection encodes a wire type, behind its pointer, as the JSON module does from the struct
// tags without the type's methods.
func ByReflection(value any) ([]byte, error) {
	v := reflect.ValueOf(value).Elem()
	return jsonv2.Marshal(withoutMethods(v).Interface(), jsonv2.Deterministic(true), jsonv2.WithMarshalers(jsonv2.JoinMarshalers(
		jsonv2.MarshalToFunc(func(e *jsontext.Encoder, s redact.Secret) error { return e.WriteToken(jsontext.String(s.Reveal())) }),
		jsonv2.MarshalToFunc(func(e *jsontext.Encoder, at time.Time) error {
			return e.WriteToken(jsontext.String(at.UTC().Format(time.RFC3339Nano)))
		}),
	)))
}

// withoutMethods copies a value into types without methods and with the same fields and tags.
func withoutMethods(v reflect.Value) reflect.Value {
	to := reflect.New(typeWithoutMethods(v.Type())).Elem()
	copyInto(to, v)
	return to
}

func copyInto(to, v reflect.Value) {
	if to.Type() == v.Type() {
		to.Set(v)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			to.Set(reflect.New(to.Type().Elem()))
			copyInto(to.Elem(), v.Elem())
		}
	case reflect.Slice:
		if !v.IsNil() {
			to.Set(reflect.MakeSlice(to.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				copyInto(to.Index(i), v.Index(i))
			}
		}
	case reflect.Struct:
		for i, field := range fieldsOf(v.Type()) {
			copyInto(to.Field(i), v.FieldByIndex(field.Index))
		}
	default:
		to.Set(v.Convert(to.Type()))
	}
}

func typeWithoutMethods(t reflect.Type) reflect.Type {
	switch t {
	case reflect.TypeFor[time.Time](), reflect.TypeFor[redact.Secret](), reflect.TypeFor[redact.RawJSON]():
		return t
	case reflect.TypeFor[redact.Unknown]():
		return reflect.TypeFor[map[string]redact.RawJSON]()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return reflect.PointerTo(typeWithoutMethods(t.Elem()))
	case reflect.Slice:
		return reflect.SliceOf(typeWithoutMethods(t.Elem()))
	case reflect.Struct:
		fields := fieldsOf(t)
		for i := range fields {
			fields[i] = reflect.StructField{Name: fields[i].Name, Type: typeWithoutMethods(fields[i].Type), Tag: fields[i].Tag}
		}
		return reflect.StructOf(fields)
	}
	return t
}

func fieldsOf(t reflect.Type) []reflect.StructField {
	var fields []reflect.StructField
	for field := range t.Fields() {
		if field.IsExported() {
			fields = append(fields, field)
		}
	}
	return fields
}

// Source returns a source of random values, and logs its seed.
func Source(t testing.TB, seed uint64) *rand.Rand {
	t.Helper()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, seed))
}
