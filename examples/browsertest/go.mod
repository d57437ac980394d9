module github.com/klarna-go/klarna-go/examples/browsertest

go 1.26.0

replace (
	github.com/klarna-go/klarna-go => ../..
	github.com/klarna-go/klarna-go/examples => ..
)

require (
	github.com/chromedp/cdproto v0.159.0
	github.com/chromedp/chromedp v0.23.0
	github.com/klarna-go/klarna-go v0.0.0-00010101000000-000000000000
	github.com/klarna-go/klarna-go/examples v0.0.0-00010101000000-000000000000
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	golang.org/x/time v0.16.0 // indirect
)
