package klarna_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// roundTripper is a function that implements http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// trace is a middleware that prints each attempt of a call.
func trace(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if err == nil {
			fmt.Println(request.Method, request.URL.Path, response.StatusCode)
		}
		return response, err
	})
}

func ExampleWithMiddleware() {
	server, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL), klarna.WithMiddleware(trace))
	if err != nil {
		log.Fatal(err)
	}

	if _, err := client.Do(context.Background(), klarna.Call{
		Operation: "shop.webhook.list", Method: http.MethodGet, Route: "notification/webhooks",
	}, nil); err != nil {
		log.Fatal(err)
	}
	// Output: GET /v2/notification/webhooks 200
}
