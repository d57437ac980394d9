package authorization

import "github.com/klarna-go/klarna-go/klarna"

// Subscription is what the customer will be billed for again.
type Subscription struct {
	// SubscriptionReference is the caller's own, for line items to refer to. Klarna's texts give 1 to
	// 255 characters.
	SubscriptionReference string `json:"subscription_reference,omitzero"`
	Name                  string `json:"name,omitzero"`
	// FreeTrial says whether the subscription is in one.
	FreeTrial    FreeTrial     `json:"free_trial,omitzero"`
	BillingPlans []BillingPlan `json:"billing_plans,omitzero"`

	klarna.Unknown `json:",embed"`
}

// FreeTrial says whether a subscription is in a free trial. Values that are not listed are kept.
type FreeTrial string

// The states of a free trial.
const (
	FreeTrialActive   FreeTrial = "ACTIVE"
	FreeTrialInactive FreeTrial = "INACTIVE"
)

// BillingPlan is what a subscription costs, from some day on: BillingAmount once in every
// IntervalFrequency intervals.
type BillingPlan struct {
	// BillingAmount is in minor units of Currency; nil where it is not told.
	BillingAmount *int64 `json:"billing_amount,omitzero"`
	// Currency is the ISO 4217 code.
	Currency string `json:"currency,omitzero"`
	// From is when the plan begins. It is a string because Klarna's texts do not settle whether it is
	// a date (YYYY-MM-DD) or a time (ISO 8601 with its zone); it is sent as it is.
	From              string          `json:"from,omitzero"`
	Interval          BillingInterval `json:"interval,omitzero"`
	IntervalFrequency int             `json:"interval_frequency,omitzero"`

	klarna.Unknown `json:",embed"`
}

// BillingInterval is the unit of a billing plan's interval. Values that are not listed are kept.
type BillingInterval string

// The billing intervals.
const (
	BillingIntervalDay   BillingInterval = "DAY"
	BillingIntervalWeek  BillingInterval = "WEEK"
	BillingIntervalMonth BillingInterval = "MONTH"
	BillingIntervalYear  BillingInterval = "YEAR"
)

// OndemandService is a service that the customer pays for as it is used, such as rides. Amounts are
// in minor units, nil where they are not told.
type OndemandService struct {
	// Currency is the ISO 4217 code.
	Currency      string `json:"currency,omitzero"`
	AverageAmount *int64 `json:"average_amount,omitzero"`
	MinimumAmount *int64 `json:"minimum_amount,omitzero"`
	MaximumAmount *int64 `json:"maximum_amount,omitzero"`
	// PurchaseInterval is the unit of how often the customer is expected to buy. Klarna's texts list
	// no values for it.
	PurchaseInterval          string `json:"purchase_interval,omitzero"`
	PurchaseIntervalFrequency int    `json:"purchase_interval_frequency,omitzero"`

	klarna.Unknown `json:",embed"`
}
