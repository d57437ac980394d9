package presentation

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"

	"github.com/klarna-go/klarna-go/klarna"
)

// Intent is what the customer wants to do. Other values than the constants are sent unchanged.
type Intent string

// The intents.
const (
	// IntentPay is a payment.
	IntentPay Intent = "PAY"
	// IntentSubscribe is the start of a subscription.
	IntentSubscribe Intent = "SUBSCRIBE"
	// IntentAddToWallet stores Klarna for later payments. It has no amount.
	IntentAddToWallet Intent = "ADD_TO_WALLET"
)

// BillingInterval is the unit of a subscription's billing interval.
type BillingInterval string

// The billing intervals.
const (
	BillingIntervalDay   BillingInterval = "DAY"
	BillingIntervalWeek  BillingInterval = "WEEK"
	BillingIntervalMonth BillingInterval = "MONTH"
	BillingIntervalYear  BillingInterval = "YEAR"
)

// GetPresentationParams are the input of [Client.GetPresentation].
type GetPresentationParams struct {
	// Currency is the ISO 4217 code. Required.
	Currency string
	// Locale is the customer's language and country, such as en-US. Required.
	Locale string
	// Amount is the amount to pay, in minor units. It is sent unless the only intent is
	// IntentAddToWallet.
	Amount int64
	// Intents are what the customer wants to do. Without any, Klarna uses its default.
	Intents []Intent
	// SubscriptionBillingInterval is the unit of the billing interval of a subscription. It
	// requires SubscriptionBillingIntervalFrequency.
	SubscriptionBillingInterval BillingInterval
	// SubscriptionBillingIntervalFrequency is the number of units in a billing interval, at least
	// 1.
	SubscriptionBillingIntervalFrequency int
	// AppReturnURL is the app link to which Klarna's app sends the customer. It is base64-encoded
	// when it is sent.
	AppReturnURL string
	// AcquiringConfig selects a payment account of a Partner that has several.
	AcquiringConfig AcquiringConfig
}

// AcquiringConfig selects a payment account, either by PaymentAccountID or by
// PaymentAcquiringAccountID and PaymentAccountReference together.
type AcquiringConfig struct {
	// PaymentAccountID is Klarna's id of the payment account.
	PaymentAccountID string
	// PaymentAcquiringAccountID is Klarna's id of the acquiring account.
	PaymentAcquiringAccountID string
	// PaymentAccountReference is the caller's reference of the payment account.
	PaymentAccountReference string
}

func (p *GetPresentationParams) query() url.Values {
	q := make(url.Values)
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("currency", p.Currency)
	set("locale", p.Locale)
	if !p.onlyAddsToWallet() {
		q.Set("amount", strconv.FormatInt(p.Amount, 10))
	}
	for _, intent := range p.Intents {
		q.Add("intents[]", string(intent))
	}
	set("subscription_billing_interval", string(p.SubscriptionBillingInterval))
	if p.SubscriptionBillingIntervalFrequency != 0 {
		q.Set("subscription_billing_interval_frequency", strconv.Itoa(p.SubscriptionBillingIntervalFrequency))
	}
	if p.AppReturnURL != "" {
		q.Set("app_return_url", base64.StdEncoding.EncodeToString([]byte(p.AppReturnURL)))
	}
	set("acquiring_config[payment_account_id]", p.AcquiringConfig.PaymentAccountID)
	set("acquiring_config[payment_acquiring_account_id]", p.AcquiringConfig.PaymentAcquiringAccountID)
	set("acquiring_config[payment_account_reference]", p.AcquiringConfig.PaymentAccountReference)
	return q
}

func (p *GetPresentationParams) onlyAddsToWallet() bool {
	return len(p.Intents) > 0 && !slices.ContainsFunc(p.Intents, func(i Intent) bool { return i != IntentAddToWallet })
}

// validate returns what Klarna's documentation proves wrong.
func (p *GetPresentationParams) validate() []klarna.ValidationError {
	var problems []klarna.ValidationError
	refuse := func(parameter, reason string) {
		problems = append(problems, klarna.ValidationError{Parameter: parameter, Reasons: []string{reason}})
	}
	if p.Currency == "" {
		refuse("currency", "is required")
	}
	if p.Locale == "" {
		refuse("locale", "is required")
	}
	if p.Amount < 0 {
		refuse("amount", "is negative")
	}
	if frequency := p.SubscriptionBillingIntervalFrequency; frequency < 0 || p.SubscriptionBillingInterval != "" && frequency == 0 {
		refuse("subscription_billing_interval_frequency", "must be at least 1 with a subscription_billing_interval")
	}
	if c := p.AcquiringConfig; (c.PaymentAcquiringAccountID == "") != (c.PaymentAccountReference == "") {
		refuse("acquiring_config", "must have payment_acquiring_account_id and payment_account_reference together")
	}
	return problems
}
