package conformance

import "strings"

// Certainty is how reliable the source of a case is.
type Certainty string

const (
	// CertaintySure means that the fact is in Klarna's own requests, assertions or documentation.
	CertaintySure Certainty = "sure"
	// CertaintyLikely means that the fact comes from published integrations, or from one of several
	// documents that disagree.
	CertaintyLikely Certainty = "likely"
	// CertaintyGap means that no source answers the question.
	CertaintyGap Certainty = "gap"
)

// need is what a target must offer for a case to run. Values are bits that can be combined.
type need int

const (
	// needsAccount requires an account to act for.
	needsAccount need = 1 << iota
	// needsUsername requires the UUID that Klarna shows next to the API key.
	needsUsername
	// needsCustomer requires a customer who opens a payment request's URL.
	needsCustomer
	// needsWebhookURL requires a URL for webhooks.
	needsWebhookURL
	// needsReceiver requires a receiver under that URL.
	needsReceiver
	// needsChanges requires the permission to send requests other than GETs.
	needsChanges
)

var needNames = [...]string{"an account", "a username", "a customer", "a webhook URL", "a webhook receiver", "permission for changes"}

// String lists the needs: "an account, a customer".
func (n need) String() string {
	var list []string
	for i, name := range needNames {
		if n&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

// Case is one sentence about Klarna's server API, and the requests that show whether it is true.
type Case struct {
	// Name is the sentence. It is unique.
	Name string
	// Section is the part of the API that the case is about.
	Section string
	// Certainty is how certain the sentence is.
	Certainty Certainty

	needs   need // in addition to those of steps and fixture
	fixture *fixture
	steps   []step
	cleanup []step
}

// allNeeds returns what a target must offer for the case to run.
func (c Case) allNeeds() need {
	needs := c.needs | needsOf(c.steps)
	if c.fixture != nil {
		needs |= needsOf(c.fixture.steps)
	}
	return needs
}

// fixture is a beginning that several cases share. A run builds it once, before the first of them.
type fixture struct {
	name    string
	steps   []step
	cleanup []step
}

// step is a request, a customer's visit or an expected webhook, with the checks of its result.
type step struct {
	// call is the request: "POST payment/requests". [host.url] describes its path.
	call   string
	header map[string]string
	// body is JSON (object, list), raw text, or nil for no body.
	body any
	// visit makes a customer open the payment request's URL from the variables request and
	// request_url.
	visit visit
	// delivery waits for the nth webhook posted to the path that ends with this text, counted from
	// 0.
	delivery string
	nth      int

	// poll repeats the call until these checks hold. If they never do, the case is untested.
	poll checks
	// given must hold; otherwise the case is untested.
	given checks
	// want is the fact. A sure case is broken if it does not hold.
	want checks
	// turns are the ways in which a likely fact or a gap may turn out. The first that holds is the
	// result.
	variants []variant
	// capture stores members of the body in variables.
	capture map[string]string
}

type raw string

type visit int

const (
	noVisit visit = iota
	approves
	isDenied
)

// variant is one way in which a fact may turn out.
type variant struct {
	name string
	when checks
	// show lists words of the answer that belong in the report.
	show []subject
}

func needsOf(steps []step) need {
	var needs need
	for _, s := range steps {
		if s.visit != noVisit {
			needs |= needsCustomer
		}
		if s.delivery != "" {
			needs |= needsReceiver
		}
		if s.call != "" && !strings.HasPrefix(s.call, "GET ") {
			needs |= needsChanges
		}
	}
	return needs
}

func (s step) method() string {
	method, _, _ := strings.Cut(s.call, " ")
	return method
}

func (s step) target() string {
	_, target, _ := strings.Cut(s.call, " ")
	return target
}
