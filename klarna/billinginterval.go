package klarna

// BillingInterval is the unit of a subscription's billing interval. Other values than the ones
// listed here are sent and kept, too.
type BillingInterval string

// The billing intervals.
const (
	BillingIntervalDay   BillingInterval = "DAY"
	BillingIntervalWeek  BillingInterval = "WEEK"
	BillingIntervalMonth BillingInterval = "MONTH"
	BillingIntervalYear  BillingInterval = "YEAR"
)
