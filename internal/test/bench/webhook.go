package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"hash"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/go-github/v92/github"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/webhooks"
	"github.com/slack-go/slack"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stripe/stripe-go/v85"
	svix "github.com/svix/svix-webhooks/go"

	"github.com/klarna-go/klarna-go/webhook"
)

const (
	signingKey      = "c2VjcmV0LWtleS1vZi1hLXRlc3Qtb2YtMzItYnl0ZXM="
	otherSigningKey = "YW5vdGhlci1zZWNyZXQta2V5LW9mLTMyLWJ5dGVzLWxvbmc="
	signingKeyID    = "krn:partner:global:notification:signing-key:1"
)

// The names of contenders in targets.
const (
	ours            = "klarna-go"
	byHand          = "hand-written"
	byHandRetrying  = "hand-written on go-retryablehttp"
	pooledHMAC      = "pooled HMAC-SHA256 of the bytes"
	stripeGo        = "stripe-go v85"
	openaiGo        = "openai-go v3"
	goGithub        = "go-github v92"
	azCore          = "azcore"
	svixGo          = "svix-webhooks"
	standardWebhook = "standard-webhooks"
	slackGo         = "slack-go"
)

// delivered returns the header of a delivery as net/http parses it: the signature's header and
// those that every request has.
func delivered(signature map[string]string) http.Header {
	h := http.Header{}
	for name, value := range map[string]string{
		"Accept-Encoding": "gzip", "Content-Length": strconv.Itoa(size), "Content-Type": "application/json", "User-Agent": "sender/1.0",
	} {
		h.Set(name, value)
	}
	for name, value := range signature {
		h.Set(name, value)
	}
	return h
}

// ourVerifier returns a verifier with two keys, as during a rotation.
func ourVerifier() (*webhook.Verifier, error) {
	return webhook.NewVerifier(
		webhook.Key{ID: "krn:partner:global:notification:signing-key:0", Secret: webhook.NewSecret(otherSigningKey)},
		webhook.Key{ID: signingKeyID, Secret: webhook.NewSecret(signingKey)},
	)
}

func ourDelivery(body []byte) http.Header {
	return delivered(map[string]string{
		webhook.HeaderSignature: webhook.Sign(webhook.NewSecret(signingKey), body), webhook.HeaderSigningKeyID: signingKeyID,
	})
}

// ourReceive verifies a delivery and decodes its payload.
func ourReceive(v *webhook.Verifier, header http.Header, body []byte) error {
	event, err := v.Parse(context.Background(), header, body)
	if err != nil {
		return err
	}
	p, err := event.PaymentRequest()
	return read(err, err == nil && p.State == "COMPLETED" && !p.SessionToken().IsZero())
}

var byHandKeys = map[string]string{"krn:partner:global:notification:signing-key:0": otherSigningKey, signingKeyID: signingKey}

// pooled is a lower bound for a verification: the hash of the bytes with a prepared key.
func pooled(mine []delivery) func() error {
	type state struct {
		mac hash.Hash
		sum [sha256.Size]byte
	}
	pool := sync.Pool{New: func() any { return &state{mac: hmac.New(sha256.New, []byte(signingKey))} }}
	var want [][]byte
	for _, d := range mine {
		mac := hmac.New(sha256.New, []byte(signingKey))
		mac.Write(d.body)
		want = append(want, mac.Sum(nil))
	}
	next := 0
	return func() error {
		next++
		at := next % len(mine)
		s := pool.Get().(*state)
		defer pool.Put(s)
		s.mac.Reset()
		s.mac.Write(mine[at].body)
		if !hmac.Equal(want[at], s.mac.Sum(s.sum[:0])) {
			return errSignature
		}
		return nil
	}
}

// standardHeaders returns the headers of the Standard Webhooks scheme, which OpenAI, Svix and the
// scheme's own library share.
func standardHeaders(body []byte) http.Header {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(signingKey))
	mac.Write([]byte("msg_1." + now + "." + string(body)))
	return delivered(map[string]string{
		"webhook-id": "msg_1", "webhook-timestamp": now, "webhook-signature": "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)),
	})
}

func hexHMAC(text []byte) string {
	mac := hmac.New(sha256.New, []byte(signingKey))
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil))
}

// verifyContest compares the verification of signatures.
func verifyContest() (contest, error) {
	body := klarnaEvent(size)
	v, err := ourVerifier()
	if err != nil {
		return contest{}, err
	}
	header := ourDelivery(body)
	standard := standardHeaders(body)
	raw := []byte(signingKey)
	svixHook, err := svix.NewWebhookRaw(raw)
	if err != nil {
		return contest{}, err
	}
	standardHook, err := standardwebhooks.NewWebhookRaw(raw)
	if err != nil {
		return contest{}, err
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	toSlack := delivered(map[string]string{
		"X-Slack-Request-Timestamp": now, "X-Slack-Signature": "v0=" + hexHMAC([]byte("v0:"+now+":"+string(body))),
	})
	toGithub := delivered(map[string]string{github.SHA256SignatureHeader: "sha256=" + hexHMAC(body)})
	signed := stripe.GenerateTestSignedPayload(&stripe.UnsignedPayload{Payload: body, Secret: signingKey})
	toStripe := delivered(map[string]string{"Stripe-Signature": signed.Header})
	toOpenAI := openai.NewClient(option.WithAPIKey("key"), option.WithWebhookSecret(signingKey))
	return contest{
		title: "Verify a webhook",
		shape: "A body of 1536 bytes and six headers. The verifier of klarna-go holds two keys, and the delivery names one.",
		contenders: []contender{
			{ours, func() error { return v.Verify(context.Background(), header, body) }},
			{pooledHMAC, pooled([]delivery{{body, header}})},
			{byHand, func() error { return hwVerify(byHandKeys, header, body) }},
			{stripeGo, func() error { return stripe.ValidatePayload(body, toStripe.Get("Stripe-Signature"), signingKey) }},
			{openaiGo, func() error { return toOpenAI.Webhooks.VerifySignature(body, standard) }},
			{svixGo, func() error { return svixHook.Verify(body, standard) }},
			{standardWebhook, func() error { return standardHook.Verify(body, standard) }},
			{slackGo, func() error {
				verifier, err := slack.NewSecretsVerifier(toSlack, signingKey)
				if err != nil {
					return err
				}
				if _, err := verifier.Write(body); err != nil {
					return err
				}
				return verifier.Ensure()
			}},
			{goGithub, func() error { return github.ValidateSignature(toGithub.Get(github.SHA256SignatureHeader), body, raw) }},
		},
	}, nil
}

// receivers are the peers that also decode what they verify.
var receivers = []string{stripeGo, openaiGo, goGithub}

// delivery is a body with the header that signs it.
type delivery struct {
	body   []byte
	header http.Header
}

func deliveries(body []byte, sign func([]byte) http.Header) []delivery {
	var all []delivery
	for _, variant := range variants(body) {
		all = append(all, delivery{variant, sign(variant)})
	}
	return all
}

// receiveContest compares the verification and decoding into a type.
func receiveContest() (contest, error) {
	v, err := ourVerifier()
	if err != nil {
		return contest{}, err
	}
	mine := deliveries(klarnaEvent(size), ourDelivery)
	stripes := deliveries(stripeEvent(size), func(body []byte) http.Header {
		return delivered(map[string]string{"Stripe-Signature": stripe.GenerateTestSignedPayload(&stripe.UnsignedPayload{Payload: body, Secret: signingKey}).Header})
	})
	openais := deliveries(openaiEvent(size), standardHeaders)
	toOpenAI := openai.NewClient(option.WithAPIKey("key"), option.WithWebhookSecret(signingKey))
	githubs := deliveries(githubEvent(size), func(body []byte) http.Header {
		return delivered(map[string]string{github.SHA256SignatureHeader: "sha256=" + hexHMAC(body), github.EventTypeHeader: "issues"})
	})
	raw := []byte(signingKey)
	return contest{
		title: "Verify a webhook and decode its payload",
		shape: "Bodies of 1536 bytes in the shape of each API, each with different IDs: a completed payment request, a succeeded payment intent, an incoming call, an opened issue.",
		contenders: []contender{
			{ours, inTurn(mine, func(d delivery) error { return ourReceive(v, d.header, d.body) })},
			{pooledHMAC, pooled(mine)},
			{byHand, inTurn(mine, func(d delivery) error {
				event, err := hwReceive(byHandKeys, d.header, d.body)
				return read(err, err == nil && event.Payload.State == "COMPLETED" && event.Payload.StateContext.SessionToken != "")
			})},
			{stripeGo, inTurn(stripes, func(d delivery) error {
				event, err := stripe.ConstructEvent(d.body, d.header.Get("Stripe-Signature"), signingKey)
				if err != nil {
					return err
				}
				var intent stripe.PaymentIntent
				err = json.Unmarshal(event.Data.Raw, &intent)
				return read(err, intent.Status == stripe.PaymentIntentStatusSucceeded)
			})},
			{openaiGo, inTurn(openais, func(d delivery) error {
				event, err := toOpenAI.Webhooks.Unwrap(d.body, d.header)
				return read(err, err == nil && answered(event))
			})},
			{goGithub, inTurn(githubs, func(d delivery) error {
				if err := github.ValidateSignature(d.header.Get(github.SHA256SignatureHeader), d.body, raw); err != nil {
					return err
				}
				event, err := github.ParseWebHook(d.header.Get(github.EventTypeHeader), d.body)
				if err != nil {
					return err
				}
				opened, ok := event.(*github.IssuesEvent)
				return read(nil, ok && opened.GetIssue().GetNumber() != 0)
			})},
		},
	}, nil
}

// answered switches over the event as OpenAI's documentation shows.
func answered(event *webhooks.UnwrapWebhookEventUnion) bool {
	switch e := event.AsAny().(type) {
	case webhooks.RealtimeCallIncomingWebhookEvent:
		return e.Data.CallID != ""
	default:
		return false
	}
}
