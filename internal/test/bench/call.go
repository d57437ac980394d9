package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/go-github/v92/github"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/stripe/stripe-go/v85"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/presentation"
)

var (
	apiKey = "klarna_test_api_" + strings.Repeat("b1946ac92492d2347c6235b4d2611184", 3)
	// integrator is sent with every call. Each client encodes it once.
	integrator = klarna.IntegrationMetadata{Integrator: klarna.Integrator{Name: "GATEWAY", SessionReference: "session-1", ModuleName: "BENCH", ModuleVersion: "1"}}
)

// client makes calls with one implementation.
type client struct {
	get  func(context.Context) error
	post func(context.Context) error
}

var errUnread = errors.New("the answer was not read")

// ourClient is klarna-go with its defaults: retries, local validation, derived idempotency keys,
// observed outcomes.
func ourClient(baseURL string, transport http.RoundTripper) (client, error) {
	c, err := newOurs(baseURL, transport)
	if err != nil {
		return client{}, err
	}
	presentations, authorizations := presentation.New(c), authorization.New(c)
	request := authorizeRequest()
	return client{
		get: func(ctx context.Context) error {
			p, err := presentations.GetPresentation(ctx, presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE", Amount: 11836, Intents: []presentation.Intent{presentation.IntentPay}})
			if err == nil && p.PaymentOption.PaymentOptionID == "" {
				err = errUnread
			}
			return err
		},
		post: func(ctx context.Context) error {
			a, err := authorizations.Authorize(ctx, request)
			if err != nil {
				return err
			}
			if s, ok := a.Result.(authorization.StepUpRequired); !ok || s.URL == "" {
				return errUnread
			}
			return nil
		},
	}, nil
}

// newOurs returns a client for one account, as an Acquiring Partner's is.
func newOurs(baseURL string, transport http.RoundTripper) (*klarna.Client, error) {
	options := []klarna.Option{klarna.WithBaseURL(baseURL), klarna.WithIntegrationMetadata(integrator)}
	if transport != nil {
		options = append(options, klarna.WithHTTPClient(&http.Client{Transport: transport}))
	}
	c, err := klarna.NewClient(apiKey, options...)
	if err != nil {
		return nil, err
	}
	return c.ForAccount(krnAccount), nil
}

// handwrittenClient is the baseline over any function that sends its requests.
func handwrittenClient(baseURL string, do func(*http.Request) (*http.Response, error)) (client, error) {
	metadata, err := json.Marshal(integrator)
	if err != nil {
		return client{}, err
	}
	c := handwritten{do: do, base: baseURL, account: krnAccount, apiKey: apiKey, metadata: string(metadata)}
	request := new(hwAuthorizeRequest)
	ours, err := json.Marshal(authorizeRequest())
	if err != nil {
		return client{}, err
	}
	if err := json.Unmarshal(ours, request); err != nil {
		return client{}, err
	}
	return client{
		get: func(ctx context.Context) error {
			p, err := c.presentation(ctx, "EUR", "de-DE", 11836)
			if err == nil && p.PaymentOption.PaymentOptionID == "" {
				err = errUnread
			}
			return err
		},
		post: func(ctx context.Context) error {
			a, err := c.authorize(ctx, request)
			if err == nil && a.PaymentRequest.StateContext.CustomerInteraction.PaymentRequestURL == "" {
				err = errUnread
			}
			return err
		},
	}, nil
}

// retrying sends a hand-written client's requests with go-retryablehttp as its documentation shows.
func retrying(transport http.RoundTripper) func(*http.Request) (*http.Response, error) {
	c := retryablehttp.NewClient()
	c.Logger = nil
	c.HTTPClient.Transport = transport
	return func(request *http.Request) (*http.Response, error) {
		wrapped, err := retryablehttp.FromRequest(request)
		if err != nil {
			return nil, err
		}
		return c.Do(wrapped)
	}
}

// stubbedClients returns ours and the hand-written clients over stubs.
func stubbedClients(getBodies, postBodies [][]byte) (map[string]client, error) {
	const baseURL = stubbedURL
	clients := make(map[string]client)
	for name, build := range map[string]func(http.RoundTripper) (client, error){
		ours: func(t http.RoundTripper) (client, error) { return ourClient(baseURL, t) },
		byHand: func(t http.RoundTripper) (client, error) {
			return handwrittenClient(baseURL, (&http.Client{Transport: t}).Do)
		},
		byHandRetrying: func(t http.RoundTripper) (client, error) {
			return handwrittenClient(baseURL, retrying(t)) //nolint:bodyclose // the hand-written client closes it
		},
		azCore: func(t http.RoundTripper) (client, error) { return azcoreClient(baseURL, t), nil },
	} {
		toGet, err := build(stubbed(getBodies...))
		if err != nil {
			return nil, err
		}
		toPost, err := build(stubbed(postBodies...))
		if err != nil {
			return nil, err
		}
		clients[name] = client{get: toGet.get, post: toPost.post}
	}
	return clients, nil
}

// azcoreClient is a client on Azure's pipeline, written like the clients that are generated for it.
// It decodes into the hand-written structures.
func azcoreClient(baseURL string, transport http.RoundTripper) client {
	pipeline := runtime.NewPipeline("bench", "v1.0.0", runtime.PipelineOptions{}, &policy.ClientOptions{Transport: &http.Client{Transport: transport}})
	call := func(ctx context.Context, method, path string, body, answer any) error {
		request, err := runtime.NewRequest(ctx, method, runtime.JoinPaths(baseURL, path))
		if err != nil {
			return err
		}
		request.Raw().Header["Accept"] = []string{"application/json"}
		request.Raw().Header["Authorization"] = []string{"Basic " + apiKey}
		if body != nil {
			if err := runtime.MarshalAsJSON(request, body); err != nil {
				return err
			}
		}
		response, err := pipeline.Do(request) //nolint:bodyclose // UnmarshalAsJSON closes it, as in every generated client
		if err != nil {
			return err
		}
		if !runtime.HasStatusCode(response, http.StatusOK) {
			return runtime.NewResponseError(response)
		}
		return runtime.UnmarshalAsJSON(response, answer)
	}
	request := new(hwAuthorizeRequest)
	if text, err := json.Marshal(authorizeRequest()); err != nil || json.Unmarshal(text, request) != nil {
		panic("bench: the request does not fit the hand-written structures")
	}
	return client{
		get: func(ctx context.Context) error {
			p := new(hwPresentation)
			err := call(ctx, http.MethodGet, "/v2/accounts/"+krnAccount+"/payment/presentation?currency=EUR&locale=de-DE&amount=11836&intents%5B%5D=PAY", nil, p)
			if err == nil && p.PaymentOption.PaymentOptionID == "" {
				err = errUnread
			}
			return err
		},
		post: func(ctx context.Context) error {
			a := new(hwAuthorization)
			err := call(ctx, http.MethodPost, "/v2/accounts/"+krnAccount+"/payment/authorize", request, a)
			if err == nil && a.PaymentRequest.StateContext.CustomerInteraction.PaymentRequestURL == "" {
				err = errUnread
			}
			return err
		},
	}
}

// background gives a call a context with a deadline, as a gateway's handlers do.
func background(call func(context.Context) error) func() error {
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return call(ctx)
	}
}

// filler returns text that makes a peer's request as large as the authorize call.
func filler(n int) string { return string(fill("⟨…⟩", n)) }

// callContests returns the contests of a GET and a POST without a network.
func callContests() (get, post contest, err error) {
	clients, err := stubbedClients(variants(presentationBody()), variants(authorizeBody()))
	if err != nil {
		return get, post, err
	}
	get = contest{
		title: "Get a presentation",
		shape: "No network: a stub answers with 1536 bytes. The peers get an object of their own API of that size: a payment intent, a chat completion, an issue. azcore decodes the hand-written structures.",
	}
	post = contest{
		title: "Authorize a purchase",
		shape: fmt.Sprintf("No network: a stub reads %d bytes and answers with 1536. The peers send about as much and get an object of their own API of that size.", len(ourAuthorizeBody())),
	}
	for _, name := range []string{ours, byHand, byHandRetrying, azCore} {
		get.contenders = append(get.contenders, contender{name, background(clients[name].get)})
		post.contenders = append(post.contenders, contender{name, background(clients[name].post)})
	}

	stripes := stripe.NewClient("sk_test_1", stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		HTTPClient: &http.Client{Transport: stubbed(variants(stripeBody(size))...)}, URL: stripe.String(stubbedURL),
	})))
	openais := openai.NewClient(option.WithAPIKey("key"), option.WithBaseURL(stubbedURL),
		option.WithHTTPClient(&http.Client{Transport: stubbed(variants(openaiBody(size))...)}))
	githubs, err := github.NewClient(github.WithAuthToken("token"), github.WithURLs(new(stubbedURL+"/"), nil),
		github.WithTransport(stubbed(variants(githubBody(size))...)))
	if err != nil {
		return get, post, err
	}
	sent := len(ourAuthorizeBody())
	get.contenders = append(get.contenders,
		contender{stripeGo, background(func(ctx context.Context) error {
			intent, err := stripes.V1PaymentIntents.Retrieve(ctx, "pi_3MtwBwLkdIwHu7ix28a3tqPa", nil)
			return read(err, err == nil && intent.ID != "")
		})},
		contender{openaiGo, background(func(ctx context.Context) error {
			completion, err := openais.Chat.Completions.Get(ctx, "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT")
			return read(err, err == nil && completion.ID != "")
		})},
		contender{goGithub, background(func(ctx context.Context) error {
			issue, _, err := githubs.Issues.Get(ctx, "octocat", "hello", 1347)
			return read(err, err == nil && issue.GetNumber() != 0)
		})},
	)
	description := filler(sent - 300)
	post.contenders = append(post.contenders,
		contender{stripeGo, background(func(ctx context.Context) error {
			params := &stripe.PaymentIntentCreateParams{
				Amount: stripe.Int64(11836), Currency: stripe.String("eur"), Description: stripe.String(description),
				PaymentMethodTypes: stripe.StringSlice([]string{"card"}), ReceiptEmail: stripe.String("alice@example.com"),
				Shipping: &stripe.ShippingDetailsParams{
					Name: stripe.String("Alice Test"), Phone: stripe.String("+46701234567"),
					Address: &stripe.AddressParams{Line1: stripe.String("Mainzer Landstraße 50"), PostalCode: stripe.String("60325"), City: stripe.String("Frankfurt am Main"), Country: stripe.String("DE")},
				},
			}
			intent, err := stripes.V1PaymentIntents.Create(ctx, params)
			return read(err, err == nil && intent.ID != "")
		})},
		contender{openaiGo, background(func(ctx context.Context) error {
			completion, err := openais.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
				Model: openai.ChatModelGPT5_2,
				Messages: []openai.ChatCompletionMessageParamUnion{
					openai.DeveloperMessage("You are a cashier."), openai.UserMessage(description), openai.AssistantMessage("Anything else?"), openai.UserMessage("No, thanks."),
				},
			})
			return read(err, err == nil && completion.ID != "")
		})},
		contender{goGithub, background(func(ctx context.Context) error {
			issue, _, err := githubs.Issues.Create(ctx, "octocat", "hello", github.CreateIssueRequest{
				Title: "Found a bug", Body: &description, Labels: []string{"bug", "payments"}, Assignees: []string{"octocat"},
			})
			return read(err, err == nil && issue.GetNumber() != 0)
		})},
	)
	return get, post, nil
}

func read(err error, whole bool) error {
	if err == nil && !whole {
		return errUnread
	}
	return err
}

// ourAuthorizeBody returns the body of the authorize call.
func ourAuthorizeBody() []byte {
	text, err := json.Marshal(authorizeRequest())
	if err != nil {
		panic("bench: the request cannot be encoded")
	}
	return text
}
