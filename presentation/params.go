package presentation

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"

	"github.com/klarna-go/klarna-go/klarna"
)

// Intent is what the customer is about to do. Values that are not listed are sent as they are.
type Intent string

// The intents.
const (
	IntentPay         Intent = "PAY"
	IntentSubscribe   Intent = "SUBSCRIBE"
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

// GetPresentationParams say what is about to be paid.
type GetPresentationParams struct {
	// Currency is the ISO 4217 code. Required.
	Currency string
	// Locale is the customer's, such as en-US. Required.
	Locale string
	// Amount is the sum to pay, in minor units. It is sent unless the only intent is
	// IntentAddToWallet.
	Amount int64
	// Intents are one or more; Klarna assumes its own default where there is none.
	Intents []Intent
	// SubscriptionBillingInterval and its frequency, at least 1, go together.
	SubscriptionBillingInterval          BillingInterval
	SubscriptionBillingIntervalFrequency int
	// AppReturnURL is the app link that Klarna's app returns to, in plain text: the library encodes it
	// as Klarna asks.
	AppReturnURL string
	// AcquiringConfig is for Partners with several payment accounts.
	AcquiringConfig AcquiringConfig
}

// AcquiringConfig chooses a payment account: by PaymentAccountID, or by the two others together.
type AcquiringConfig struct {
	PaymentAccountID          string
	PaymentAcquiringAccountID string
	PaymentAccountReference   string
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

// validate finds only what the contract proves wrong.
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
		refuse("subscription_billing_interval_frequency", "must be at least 1 where there is a subscription_billing_interval")
	}
	if c := p.AcquiringConfig; (c.PaymentAcquiringAccountID == "") != (c.PaymentAccountReference == "") {
		refuse("acquiring_config", "payment_acquiring_account_id and payment_account_reference go together")
	}
	return problems
}
