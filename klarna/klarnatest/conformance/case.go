package conformance

import "strings"

// Certainty is how sure the source of a case is.
type Certainty string

const (
	// CertaintySure facts are in Klarna's own requests, assertions or texts.
	CertaintySure Certainty = "sure"
	// CertaintyLikely facts were read from published integrations, or from one text out of several.
	CertaintyLikely Certainty = "likely"
	// CertaintyGap is what no source tells.
	CertaintyGap Certainty = "gap"
)

// need is what a target must offer for a case to run. Values add up.
type need int

const (
	// needsAccount is an account to act for.
	needsAccount need = 1 << iota
	// needsUsername is the UUID shown beside the API key.
	needsUsername
	// needsCustomer is somebody who opens a payment request's URL.
	needsCustomer
	// needsWebhookURL is a URL that webhooks may point to.
	needsWebhookURL
	// needsReceiver is a receiver under that URL.
	needsReceiver
	// needsChanges is the permission to send more than GETs.
	needsChanges
)

var needNames = [...]string{"an account", "a username", "a customer", "a webhook URL", "a webhook receiver", "permission for changes"}

// String lists what is needed: "an account, a customer".
func (n need) String() string {
	var list []string
	for i, name := range needNames {
		if n&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

// Case is one sentence about Klarna's server API, and the requests that tell whether it is true.
type Case struct {
	// Name is the sentence. No two cases have the same.
	Name string
	// Section is the part of the API it is about.
	Section string
	// Certainty is how sure the sentence is.
	Certainty Certainty

	needs   need // beside what steps and fixture say
	fixture *fixture
	steps   []step
	cleanup []step
}

// allNeeds is what a target must offer for the case to run.
func (c Case) allNeeds() need {
	needs := c.needs | needsOf(c.steps)
	if c.fixture != nil {
		needs |= needsOf(c.fixture.steps)
	}
	return needs
}

// fixture is what several cases begin with. It is made once a run, when the first of them comes.
type fixture struct {
	name    string
	steps   []step
	cleanup []step
}

// step is a request, a customer's visit or a webhook that comes, and what shall be true of it.
type step struct {
	// call is the request: "POST payment/requests". See host.url for its path.
	call   string
	header map[string]string
	// body is JSON (object, list), raw text, or nil for none.
	body any
	// visit lets a customer open the payment request's URL in the variables request and request_url.
	visit visit
	// delivery waits for a webhook posted to the path that ends with this text, the nth one, counted
	// from 0.
	delivery string
	nth      int

	// poll repeats the call until this holds. A case says nothing when it never does.
	poll checks
	// given must hold for the case to say anything.
	given checks
	// want is the fact. It fails a sure one.
	want checks
	// variants are the ways in which a likely fact or a gap may turn out; the first that holds is it.
	variants []variant
	// capture puts members of the body into variables.
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
	// show are words of the answer that belong to the report.
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
