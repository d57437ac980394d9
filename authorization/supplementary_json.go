package authorization

import (
	"maps"

	"github.com/klarna-go/klarna-go/internal/strictjson"
	"github.com/klarna-go/klarna-go/klarna"
)

// These methods make decoding liberal, and encode with the members of Unknown in their places whatever encoder is used:
// encoding/json, by which a caller may store the data, does not know the tag embed.

// UnmarshalJSON reads an object. A member whose shape does not fit is kept in Unknown and costs no other.
func (d *SupplementaryPurchaseData) UnmarshalJSON(text []byte) error {
	type plain SupplementaryPurchaseData
	p, misfits, err := decodeMembers[plain](text)
	if err != nil {
		return err
	}
	*d = SupplementaryPurchaseData(p)
	d.Unknown = merge(d.Unknown, misfits)
	return nil
}

// MarshalJSON writes the object that Klarna takes.
func (d SupplementaryPurchaseData) MarshalJSON() ([]byte, error) {
	type plain SupplementaryPurchaseData
	return strictjson.Marshal(plain(d))
}

// UnmarshalJSON reads an object. A member whose shape does not fit is kept in Unknown and costs no other.
func (d *SupplementaryCaptureData) UnmarshalJSON(text []byte) error {
	type plain SupplementaryCaptureData
	p, misfits, err := decodeMembers[plain](text)
	if err != nil {
		return err
	}
	*d = SupplementaryCaptureData(p)
	d.Unknown = merge(d.Unknown, misfits)
	return nil
}

// MarshalJSON writes the object that Klarna takes.
func (d SupplementaryCaptureData) MarshalJSON() ([]byte, error) {
	type plain SupplementaryCaptureData
	return strictjson.Marshal(plain(d))
}

// UnmarshalJSON reads an object. A member whose shape does not fit is kept in Unknown and costs no other.
func (d *SupplementaryRefundData) UnmarshalJSON(text []byte) error {
	type plain SupplementaryRefundData
	p, misfits, err := decodeMembers[plain](text)
	if err != nil {
		return err
	}
	*d = SupplementaryRefundData(p)
	d.Unknown = merge(d.Unknown, misfits)
	return nil
}

// MarshalJSON writes the object that Klarna takes.
func (d SupplementaryRefundData) MarshalJSON() ([]byte, error) {
	type plain SupplementaryRefundData
	return strictjson.Marshal(plain(d))
}

// decodeMembers decodes an object into a T without those of its members that do not fit, and returns those. What is no
// object at all is the zero T: the answer that it came in keeps it in its raw JSON.
func decodeMembers[T any](text []byte) (value T, misfits klarna.Fields, err error) {
	var zero T
	if strictjson.Unmarshal(text, &value) == nil {
		return value, nil, nil
	}
	if len(text) == 0 || text[0] != '{' {
		return zero, nil, nil
	}
	var members klarna.Fields
	if err := strictjson.Unmarshal(text, &members); err != nil {
		return zero, nil, err
	}
	misfits = make(klarna.Fields)
	for name, member := range members {
		var trial T
		alone, err := strictjson.Marshal(klarna.Fields{name: member})
		if err != nil || strictjson.Unmarshal(alone, &trial) != nil {
			misfits[name] = member
			delete(members, name)
		}
	}
	value = zero
	fitting, err := strictjson.Marshal(members)
	if err != nil {
		return zero, nil, err
	}
	return value, misfits, strictjson.Unmarshal(fitting, &value)
}

func merge(unknown, misfits klarna.Fields) klarna.Fields {
	if unknown == nil {
		return misfits
	}
	maps.Copy(unknown, misfits)
	return unknown
}
