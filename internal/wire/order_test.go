package wire_test

import (
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/wire"
)

// order is a wire type with a member of each kind, with the methods that internal/wiregen
// generates.
type order struct {
	Name  string         `json:"name"`
	State state          `json:"state,omitzero"`
	Token redact.Secret  `json:"token,omitzero"`
	Live  bool           `json:"live,omitzero"`
	Count int64          `json:"count,omitzero"`
	Price *int64         `json:"price,omitzero"`
	Rate  float64        `json:"rate,omitzero"`
	At    time.Time      `json:"at,omitzero"`
	Echo  redact.RawJSON `json:"echo,omitzero"`
	Tags  []string       `json:"tags,omitzero"`
	Lines []order        `json:"lines,omitzero"`
	Inner *order         `json:"inner,omitzero"`
	Rows  [][]int64      `json:"rows,omitzero"`

	Unknown redact.Unknown `json:",embed"`
}

type state string

var states = []state{"OPEN", "IN_PROGRESS"}

func (o *order) decode(r *wire.Reader) bool {
	return wire.ReadObject(o, r, &o.Unknown, (*order).member)
}

func (o *order) member(r *wire.Reader, name []byte) bool {
	switch string(name) {
	case "name":
		return r.Once(0) && wire.ReadText(&o.Name, r)
	case "state":
		return r.Once(1) && wire.ReadEnum(&o.State, r, states)
	case "token":
		return r.Once(2) && wire.ReadSecret(&o.Token, r)
	case "live":
		return r.Once(3) && wire.ReadBool(&o.Live, r)
	case "count":
		return r.Once(4) && wire.ReadInt(&o.Count, r)
	case "price":
		return r.Once(5) && wire.ReadPointer(&o.Price, r, wire.ReadInt)
	case "rate":
		return r.Once(6) && wire.ReadFloat(&o.Rate, r)
	case "at":
		return r.Once(7) && wire.ReadTime(&o.At, r)
	case "echo":
		return r.Once(8) && wire.ReadRaw(&o.Echo, r)
	case "tags":
		return r.Once(9) && wire.ReadList(&o.Tags, r, wire.ReadText)
	case "lines":
		return r.Once(10) && wire.ReadList(&o.Lines, r, (*order).decode)
	case "inner":
		return r.Once(11) && wire.ReadPointer(&o.Inner, r, (*order).decode)
	case "rows":
		return r.Once(63) && wire.ReadList(&o.Rows, r, func(row *[]int64, r *wire.Reader) bool {
			return wire.ReadList(row, r, wire.ReadInt)
		})
	default:
		return r.Other()
	}
}

func (o *order) encode(w *wire.Writer) {
	w.Begin()
	if w.Member(o.Unknown, "name", o.Name == "") {
		wire.WriteText(&o.Name, w)
	}
	if o.State != "" && w.Member(o.Unknown, "state", false) {
		wire.WriteText(&o.State, w)
	}
	if !o.Token.IsZero() && w.Member(o.Unknown, "token", false) {
		wire.WriteSecret(&o.Token, w)
	}
	if o.Live && w.Member(o.Unknown, "live", false) {
		wire.WriteBool(&o.Live, w)
	}
	if o.Count != 0 && w.Member(o.Unknown, "count", false) {
		wire.WriteInt(&o.Count, w)
	}
	if o.Price != nil && w.Member(o.Unknown, "price", false) {
		wire.WriteInt(o.Price, w)
	}
	if o.Rate != 0 && w.Member(o.Unknown, "rate", false) {
		wire.WriteFloat(&o.Rate, w)
	}
	if !o.At.IsZero() && w.Member(o.Unknown, "at", false) {
		wire.WriteTime(&o.At, w)
	}
	if !o.Echo.IsZero() && w.Member(o.Unknown, "echo", false) {
		wire.WriteRaw(&o.Echo, w)
	}
	if o.Tags != nil && w.Member(o.Unknown, "tags", false) {
		wire.WriteList(&o.Tags, w, wire.WriteText)
	}
	if o.Lines != nil && w.Member(o.Unknown, "lines", false) {
		wire.WriteList(&o.Lines, w, (*order).encode)
	}
	if o.Inner != nil && w.Member(o.Unknown, "inner", false) {
		o.Inner.encode(w)
	}
	if o.Rows != nil && w.Member(o.Unknown, "rows", false) {
		wire.WriteList(&o.Rows, w, func(row *[]int64, w *wire.Writer) { wire.WriteList(row, w, wire.WriteInt) })
	}
	w.End(o.Unknown)
}

// full returns an order with a value in each member.
func full() order {
	return order{
		Name: "å \"<&>\u2028", State: "OPEN", Token: redact.NewSecret("canary"), Live: true, Count: -1, Price: new(int64), Rate: -0.25,
		At: time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC), Echo: redact.NewRawJSON(`{"b":1.0,"a":[]}`), Tags: []string{"", "x"},
		Lines: []order{{Name: "1"}, {Unknown: redact.Unknown{"z": redact.NewRawJSON(`[1]`)}}}, Inner: &order{Count: 2}, Rows: [][]int64{{1, 2}, {}},
		Unknown: redact.Unknown{"b": redact.NewRawJSON(`null`), "": redact.NewRawJSON(`1.50`), "a\n": redact.NewRawJSON(`"x"`)},
	}
}

// diff compares values, including those that do not print their content.
func diff(want, got any) string {
	return cmp.Diff(want, got,
		cmp.Transformer("text", func(r redact.RawJSON) string { return string(r.Bytes()) }),
		cmp.Transformer("secret", func(s redact.Secret) string { return s.Reveal() }))
}

func raw(text string) redact.RawJSON { return redact.NewRawJSON(text) }
