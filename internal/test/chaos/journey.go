package chaos

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
)

// journey is a kind of purchase: what its client and its customer do, and how it may end.
type journey struct {
	name string
	// request changes the usual request.
	request func(*authorization.AuthorizeParams)
	// webhooks is the fate of the webhooks if they are in order.
	webhooks webhookFate
	play     func(ctx context.Context, a *actor)
	ends     []flow.State
	// late means that the customer comes back when the purchase may already be given up, and may
	// find it canceled.
	late bool
}

// approving is the number of journeys, the first ones, that end with a transaction.
const approving = 5

var journeys = []*journey{
	{
		name: "approve",
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) && a.approve() {
				a.wait(ctx)
				a.comeBack(ctx)
			}
		},
		ends: []flow.State{flow.StateAuthorized},
	},
	{
		name:     "approve, and every webhook comes twice",
		webhooks: twice,
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) && a.approve() {
				a.wait(ctx)
				a.comeBack(ctx)
			}
		},
		ends: []flow.State{flow.StateAuthorized},
	},
	{
		name:     "approve, and no webhook comes",
		webhooks: lost,
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) && a.approve() {
				a.comeBack(ctx)
				a.comeBack(ctx)
			}
		},
		ends: []flow.State{flow.StateAuthorized},
	},
	{
		name:     "approve, and neither a webhook nor the customer comes",
		webhooks: lost,
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) {
				a.approve()
			}
		},
		ends: []flow.State{flow.StateAuthorized},
	},
	{
		name: "approve immediately with a session token",
		play: func(ctx context.Context, a *actor) {
			a.bringToken()
			a.begin(ctx)
			a.wait(ctx)
			a.comeBack(ctx)
		},
		ends: []flow.State{flow.StateAuthorized},
	},
	{
		name:    "decline at first",
		request: func(r *authorization.AuthorizeParams) { r.StepUpConfig = nil },
		play: func(ctx context.Context, a *actor) {
			a.noCustomer()
			a.begin(ctx)
			a.comeBack(ctx)
		},
		ends: []flow.State{flow.StateDeclined},
	},
	{
		name: "refuse the request",
		request: func(r *authorization.AuthorizeParams) {
			r.StepUpConfig.CustomerInteractionConfig.Method = "PIGEON"
		},
		play: func(ctx context.Context, a *actor) {
			a.noCustomer()
			a.begin(ctx)
			a.comeBack(ctx)
		},
		ends: []flow.State{flow.StateRejected},
	},
	{
		name: "decline at Klarna",
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) && a.act(a.world.Klarna.Decline) {
				a.wait(ctx)
				a.comeBack(ctx)
			}
		},
		ends: []flow.State{flow.StateDeclined},
	},
	{
		name: "abandon",
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) && a.act(a.world.Klarna.Abandon) {
				a.wait(ctx)
				a.comeBack(ctx)
			}
		},
		ends: []flow.State{flow.StateCanceled, flow.StateExpired},
	},
	{
		name: "leave, come back and approve",
		play: func(ctx context.Context, a *actor) {
			if !a.begin(ctx) {
				return
			}
			_, _ = a.world.Klarna.Abandon(a.requestID)
			a.wait(ctx)
			a.comeBack(ctx)
			if a.approve() {
				a.wait(ctx)
				a.comeBack(ctx)
			}
		},
		ends: []flow.State{flow.StateAuthorized},
	},
	{
		name:     "approve at the last moment",
		webhooks: lost,
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) {
				pause(ctx, a.world.wallTime(abandonAfter-time.Second))
				a.approve()
			}
		},
		ends: []flow.State{flow.StateAuthorized, flow.StateCanceled},
		late: true,
	},
	{
		name: "stay at Klarna until the payment request expires",
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) {
				a.act(func(id string) (string, error) { return "", a.world.Klarna.Open(id) })
			}
		},
		ends: []flow.State{flow.StateExpired},
	},
	{
		name:     "approve while the purchase is canceled as abandoned",
		webhooks: lost,
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) {
				a.world.willApproveMeanwhile(a.requestID, a.purchase)
			}
		},
		ends: []flow.State{flow.StateAuthorized},
	},
	{
		name: "cancel",
		play: func(ctx context.Context, a *actor) {
			a.begin(ctx)
			a.cancel(ctx)
			a.wait(ctx)
			a.comeBack(ctx)
		},
		ends: nil,
	},
	{
		name:     "approve and cancel",
		webhooks: lost,
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) {
				a.approve()
				a.cancel(ctx)
				a.comeBack(ctx)
			}
		},
		ends: []flow.State{flow.StateAuthorized},
	},
	{
		name: "approve, come back and cancel too late",
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) && a.approve() {
				a.comeBack(ctx)
				a.cancel(ctx)
				a.wait(ctx)
			}
		},
		ends: []flow.State{flow.StateAuthorized},
	},
	{
		name: "approve another amount, which is accepted",
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) && a.changeAmount(500) && a.approve() {
				a.wait(ctx)
				a.comeBack(ctx)
			}
		},
		ends: []flow.State{flow.StateAuthorized},
	},
	{
		name: "approve another amount, which is refused",
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) && a.changeAmount(501) && a.approve() {
				a.wait(ctx)
				a.comeBack(ctx)
			}
		},
		ends: []flow.State{flow.StateCanceled},
	},
	{
		name:     "approve, and another program cancels",
		webhooks: lost,
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) && a.approve() {
				a.cancelElsewhere(ctx)
				a.comeBack(ctx)
			}
		},
		ends: []flow.State{flow.StateAuthorized}, // or canceled, if that came first
	},
	{
		name: "approve, come back, and another program cancels",
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) && a.approve() {
				a.comeBack(ctx)
				a.cancelElsewhere(ctx)
				a.comeBack(ctx)
			}
		},
		ends: []flow.State{flow.StateAuthorized}, // or canceled, if finalizing failed at first
	},
	{
		name:     "approve, and another program finalizes",
		webhooks: lost,
		play: func(ctx context.Context, a *actor) {
			if a.begin(ctx) && a.approve() {
				a.finalizeElsewhere(ctx)
				a.comeBack(ctx)
			}
		},
		ends: []flow.State{flow.StateAuthorized}, // or unknown, if that came first
	},
}

// amountOf returns an even amount, which the policy accepts. It differs between most purchases.
func amountOf(id string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return 1000 + 2*int64(h.Sum32()%50_000)
}

// purchase returns the purchase with an ID, the same each time.
func (j *journey) purchase(id, account string, token klarna.Secret) flow.Purchase {
	amount := amountOf(id)
	p := flow.Purchase{
		ID: id, PartnerAccountID: account, SessionToken: token,
		Request: authorization.AuthorizeParams{
			Currency:                  "EUR",
			RequestPaymentTransaction: &authorization.RequestPaymentTransaction{Amount: amount},
			SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{
				PurchaseReference: id,
				LineItems:         []authorization.LineItem{{Name: "Shoes", Quantity: 1, TotalAmount: amount}},
			},
			StepUpConfig: &authorization.StepUpConfig{
				CustomerInteractionConfig: authorization.CustomerInteractionConfig{
					Method: authorization.InteractionMethodHandover, ReturnURL: "https://shop.example/back",
				},
			},
		},
	}
	if j.request != nil {
		j.request(&p.Request)
	}
	return p
}
