package presentation

import (
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/klarna-go/klarna-go/internal/problem"
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

// GetPresentationParams are the input of [Client.GetPresentation].
type GetPresentationParams struct {
	// Currency is the ISO 4217 code. Required.
	Currency string
	// Locale is the customer's language and country, such as en-US. Required.
	Locale string
	// Amount is the amount to pay, in minor units. An amount of 0 is sent as 0. If the only intent
	// is IntentAddToWallet, no amount is sent.
	Amount int64
	// Intents are what the customer wants to do. Without any, Klarna uses its default.
	Intents []Intent
	// SubscriptionBillingInterval is the unit of the billing interval of a subscription. It
	// requires SubscriptionBillingIntervalFrequency.
	SubscriptionBillingInterval klarna.BillingInterval
	// SubscriptionBillingIntervalFrequency is the number of units in a billing interval, 1 or more.
	SubscriptionBillingIntervalFrequency int
	// AppReturnURL is the app link to which Klarna's app sends the customer. It is base64-encoded
	// when it is sent.
	AppReturnURL string
	// AcquiringConfig selects a payment account of a Partner that has several. The presentation
	// has no SettlementCurrency and no Unknown: a call with one of them is refused.
	AcquiringConfig klarna.AcquiringConfig
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
	var found problem.List
	found.Required("currency", p.Currency)
	found.Required("locale", p.Locale)
	found.Amount("amount", p.Amount)
	if frequency := p.SubscriptionBillingIntervalFrequency; frequency < 0 || p.SubscriptionBillingInterval != "" && frequency == 0 {
		found.Add("subscription_billing_interval_frequency", "must be at least 1 with a subscription_billing_interval")
	}
	if c := p.AcquiringConfig; (c.PaymentAcquiringAccountID == "") != (c.PaymentAccountReference == "") {
		found.Add("acquiring_config", "must have payment_acquiring_account_id and payment_account_reference together")
	}
	if p.AcquiringConfig.SettlementCurrency != "" {
		found.Add("acquiring_config.settlement_currency", "is not a parameter of the presentation")
	}
	for _, name := range slices.Sorted(maps.Keys(p.AcquiringConfig.Unknown)) {
		found.Add("acquiring_config."+name, "is not a parameter of the presentation")
	}
	return found
}
