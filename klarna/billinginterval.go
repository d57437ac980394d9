package klarna

// BillingInterval is the unit of a subscription's billing interval. Values that are not listed are
// sent and kept.
type BillingInterval string

// The billing intervals.
const (
	BillingIntervalDay   BillingInterval = "DAY"
	BillingIntervalWeek  BillingInterval = "WEEK"
	BillingIntervalMonth BillingInterval = "MONTH"
	BillingIntervalYear  BillingInterval = "YEAR"
)
