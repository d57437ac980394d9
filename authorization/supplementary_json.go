package authorization

import (
	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/strictjson"
)

// These methods make decoding liberal, and encode with the members of Unknown in their places whatever encoder is used:
// encoding/json, by which a caller may store the data, does not know the tag embed.

// plainPurchaseData is SupplementaryPurchaseData without methods.
type plainPurchaseData SupplementaryPurchaseData

// withPurchaseData makes a request body of a value that has supplementary purchase data, which is most of it, in it.
var withPurchaseData = strictjson.InPlace(func(d *SupplementaryPurchaseData) *plainPurchaseData { return (*plainPurchaseData)(d) })

// UnmarshalJSON reads an object. A member whose shape does not fit is kept in Unknown and costs no other.
func (d *SupplementaryPurchaseData) UnmarshalJSON(text []byte) error {
	p, misfits, err := strictjson.UnmarshalMembers[plainPurchaseData](text)
	if err != nil {
		return err
	}
	*d = SupplementaryPurchaseData(p)
	d.Unknown = redact.Merge(d.Unknown, misfits)
	return nil
}

// MarshalJSON writes the object that Klarna takes.
func (d SupplementaryPurchaseData) MarshalJSON() ([]byte, error) {
	return strictjson.Marshal(plainPurchaseData(d))
}

// UnmarshalJSON reads an object. A member whose shape does not fit is kept in Unknown and costs no other.
func (d *SupplementaryCaptureData) UnmarshalJSON(text []byte) error {
	type plain SupplementaryCaptureData
	p, misfits, err := strictjson.UnmarshalMembers[plain](text)
	if err != nil {
		return err
	}
	*d = SupplementaryCaptureData(p)
	d.Unknown = redact.Merge(d.Unknown, misfits)
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
	p, misfits, err := strictjson.UnmarshalMembers[plain](text)
	if err != nil {
		return err
	}
	*d = SupplementaryRefundData(p)
	d.Unknown = redact.Merge(d.Unknown, misfits)
	return nil
}

// MarshalJSON writes the object that Klarna takes.
func (d SupplementaryRefundData) MarshalJSON() ([]byte, error) {
	type plain SupplementaryRefundData
	return strictjson.Marshal(plain(d))
}
