package authorization

import "github.com/klarna-go/klarna-go/klarna"

// Subscription is a purchase for which the customer is billed repeatedly.
type Subscription struct {
	// SubscriptionReference is the caller's reference, at most 255 characters. Line items name it.
	SubscriptionReference string `json:"subscription_reference,omitzero"`
	// Name is the name of the subscription.
	Name string `json:"name,omitzero"`
	// FreeTrial says whether the subscription is in a free trial.
	FreeTrial FreeTrial `json:"free_trial,omitzero"`
	// BillingPlans are the prices of the subscription.
	BillingPlans []BillingPlan `json:"billing_plans,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// FreeTrial says whether a subscription is in a free trial. Other values than the constants are
// kept and sent unchanged.
type FreeTrial string

// The states of a free trial.
const (
	FreeTrialActive   FreeTrial = "ACTIVE"
	FreeTrialInactive FreeTrial = "INACTIVE"
)

// BillingPlan is the price of a subscription from a date on. The customer is billed BillingAmount
// once in every IntervalFrequency intervals.
type BillingPlan struct {
	// BillingAmount is in minor units of Currency; nil is not sent.
	BillingAmount *int64 `json:"billing_amount,omitzero"`
	// Currency is the ISO 4217 code of the amount.
	Currency string `json:"currency,omitzero"`
	// From is the start of the plan. It is a string that is sent unchanged, because Klarna's
	// documentation does not say whether it is a date (YYYY-MM-DD) or a time (ISO 8601).
	From string `json:"from,omitzero"`
	// Interval is the unit of the billing interval.
	Interval klarna.BillingInterval `json:"interval,omitzero"`
	// IntervalFrequency is the number of units in a billing interval.
	IntervalFrequency int `json:"interval_frequency,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// OndemandService is a service that the customer pays for by use, such as rides. An amount that is
// nil is not sent.
type OndemandService struct {
	// Currency is the ISO 4217 code of the amounts.
	Currency string `json:"currency,omitzero"`
	// AverageAmount is the average amount of a purchase, in minor units.
	AverageAmount *int64 `json:"average_amount,omitzero"`
	// MinimumAmount is the smallest amount of a purchase, in minor units.
	MinimumAmount *int64 `json:"minimum_amount,omitzero"`
	// MaximumAmount is the largest amount of a purchase, in minor units.
	MaximumAmount *int64 `json:"maximum_amount,omitzero"`
	// PurchaseInterval is the unit of the interval at which the customer is expected to buy.
	// Klarna's documentation lists no values.
	PurchaseInterval string `json:"purchase_interval,omitzero"`
	// PurchaseIntervalFrequency is the number of units in the interval.
	PurchaseIntervalFrequency int `json:"purchase_interval_frequency,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}
