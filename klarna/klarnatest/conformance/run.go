package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Run runs cases, or those of [Cases] if none are given, one after the other against the target and
// reports the result of each. The report is complete even if the host is down or the context ends:
// cases that could not be tested are [VerdictUntested]. Run returns an error if the target is
// refused; nothing was sent then.
func Run(ctx context.Context, t Target, cases ...Case) (Report, error) {
	h, err := newHost(t)
	if err != nil {
		return Report{}, err
	}
	defer h.hangUp()
	if len(cases) == 0 {
		cases = Cases()
	}
	r := &runner{host: h, fixtures: map[*fixture]*standing{}}
	report := Report{Host: h.name, At: time.Now().UTC().Truncate(time.Second)}
	for _, c := range cases {
		report.Results = append(report.Results, r.play(ctx, c))
	}
	r.tearDown(ctx)
	report.Left = r.left
	return report, nil
}

// runner is the state of one run.
type runner struct {
	*host
	fixtures map[*fixture]*standing
	built    []*fixture // in the order of building
	left     []string
	silent   int // number of consecutive cases without an answer
}

// standing is a fixture that was built, or the reason why it could not be.
type standing struct {
	vars vars
	err  error
}

const (
	// giveUpAfter is the number of consecutive cases without an answer after which the run stops
	// trying.
	giveUpAfter = 3
	// cleanupTime limits the cleaning after the context has ended.
	cleanupTime = 30 * time.Second
	// A run that waits polls with increasing pauses.
	firstPause   = 200 * time.Millisecond
	longestPause = 5 * time.Second
)

var errSilent = errTransport{fmt.Sprintf("not tried: %d cases in a row got no answer", giveUpAfter)}

// untested is the reason why a case has no result.
type untested struct{ reason string }

func (e untested) Error() string { return e.reason }

func (r *runner) play(ctx context.Context, c Case) Result {
	result := Result{Section: c.Section, Name: c.Name, Certainty: c.Certainty}
	if missing := c.allNeeds() &^ r.has(); missing != 0 {
		result.Verdict, result.Detail = VerdictSkipped, "needs "+missing.String()
		return result
	}
	if c.Certainty == CertaintyLikely {
		result.Expected = c.expected()
	}
	known, err := r.begin(ctx, c)
	if err == nil {
		err = r.steps(ctx, c, known, &result)
		r.cleanUp(ctx, c.cleanup, known)
	}
	r.listen(err)
	if err != nil {
		result.Verdict, result.Outcome, result.Detail = VerdictUntested, "", r.clean(err.Error())
	}
	return result
}

// expected returns the name of the expected outcome of a likely case.
func (c Case) expected() string { return c.steps[len(c.steps)-1].variants[0].name }

// listen counts the consecutive cases without an answer.
func (r *runner) listen(err error) {
	if _, silent := errors.AsType[errTransport](err); silent {
		r.silent++
	} else {
		r.silent = 0
	}
}

// begin returns the variables with which a case begins.
func (r *runner) begin(ctx context.Context, c Case) (vars, error) {
	switch {
	case ctx.Err() != nil:
		return nil, untested{"not tried: " + ended(ctx.Err())}
	case r.silent >= giveUpAfter:
		return nil, errSilent
	case c.fixture == nil:
		return r.known.clone(), nil
	}
	if s := r.fixtures[c.fixture]; s != nil {
		return s.vars.clone(), s.err
	}
	s := &standing{vars: r.known.clone()}
	r.fixtures[c.fixture] = s
	r.built = append(r.built, c.fixture)
	var none Result
	err := r.steps(ctx, Case{steps: c.fixture.steps}, s.vars, &none)
	if err != nil {
		err = fmt.Errorf("%s: %w", c.fixture.name, err)
		// Other cases with this fixture send nothing, so they do not count as cases without an
		// answer.
		s.err = untested{err.Error()}
	}
	return s.vars.clone(), err
}

// steps runs a case's steps and sets result. It returns an error if the case could not be tested.
func (r *runner) steps(ctx context.Context, c Case, known vars, result *Result) error {
	result.Verdict = VerdictHeld
	for i, s := range c.steps {
		x, err := r.step(ctx, known, s)
		if err != nil {
			return s.at(i, c, err)
		}
		// Captures precede all checks, because the resources of a failing case must be undone too.
		r.capture(s, x, known)
		if fault, err := s.given.fault(x, known); fault != "" || err != nil {
			return s.at(i, c, cannot(fault, err))
		}
		fault, err := s.want.fault(x, known)
		if err != nil {
			return s.at(i, c, err)
		}
		if fault != "" {
			result.Verdict = VerdictBroken
			if c.Certainty != CertaintySure {
				result.Verdict = VerdictUnforeseen
			}
			result.Detail = r.clean(s.at(i, c, untested{fault}).Error())
			return nil
		}
		if len(s.variants) > 0 {
			return r.matchVariant(s, x, known, result)
		}
	}
	return nil
}

func cannot(fault string, err error) error {
	if err != nil {
		return err
	}
	return untested{fault}
}

// at adds the position in the case to an error. Paths are shown with their variables unexpanded.
func (s step) at(i int, c Case, err error) error {
	what := s.call
	switch {
	case s.visit != noVisit:
		what = "the customer's visit"
	case s.delivery != "":
		what = "the webhook"
	}
	return fmt.Errorf("step %d of %d, %s: %w", i+1, len(c.steps), what, err)
}

// turn determines how a likely fact or a gap turned out.
func (r *runner) matchVariant(s step, x exchange, known vars, result *Result) error {
	for _, turn := range s.variants {
		fault, err := turn.when.fault(x, known)
		if err != nil {
			return err
		}
		if fault == "" {
			result.Verdict, result.Outcome = VerdictTurnedOut, turn.name
			for _, subject := range turn.show {
				result.Outcome += "; " + r.clean(subject.String()+" "+subject.seen(subject.values(x)))
			}
			return nil
		}
	}
	result.Verdict = VerdictUnforeseen
	result.Detail = r.clean(fmt.Sprintf("the status is %d, error_code %s", x.status, member("error_code").seen(member("error_code").values(x))))
	return nil
}

// capture stores members of an answer in variables. An absent member is reported where the variable
// is used.
func (r *runner) capture(s step, x exchange, known vars) {
	for name, path := range s.capture {
		found := member(path).values(x)
		if len(found) == 0 {
			continue
		}
		known[name] = found[0]
		if text, ok := found[0].(string); ok && isSecret(name) {
			r.secrets = append(r.secrets, text)
		}
	}
}

func (r *runner) step(ctx context.Context, known vars, s step) (exchange, error) {
	switch {
	case s.visit != noVisit:
		v := Visit{PaymentRequestID: known.text("request"), URL: known.text("request_url"), Deny: s.visit == isDenied}
		if err := r.Customer(ctx, v); err != nil {
			return exchange{}, untested{r.clean(err.Error())}
		}
		return exchange{}, nil
	case s.delivery != "":
		return r.await(ctx, known, s)
	case s.poll == nil:
		return r.ask(ctx, known, s)
	}
	var x exchange
	var fault string
	err := r.until(ctx, func() (done bool, err error) {
		if x, err = r.ask(ctx, known, s); err != nil {
			return false, err
		}
		fault, err = s.poll.fault(x, known)
		return fault == "", err
	})
	if errors.Is(err, errPatience) {
		err = untested{err.Error() + ": " + fault}
	}
	return x, err
}

// await waits for a webhook.
func (r *runner) await(ctx context.Context, known vars, s step) (exchange, error) {
	end, err := known.expand(s.delivery, verbatim)
	if err != nil {
		return exchange{}, err
	}
	var x exchange
	err = r.until(ctx, func() (came bool, _ error) {
		x, came = r.Receiver.nth(end, s.nth)
		return came, nil
	})
	return x, err
}

var errPatience = untested{"waited in vain"}

// until calls look repeatedly until it succeeds or the target's patience ends.
func (r *runner) until(ctx context.Context, look func() (bool, error)) error {
	left := r.Patience
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		done, err := look()
		if done || err != nil {
			return err
		}
		if left <= 0 {
			return errPatience
		}
		if err := r.Wait(ctx, min(pause, left)); err != nil {
			return untested{ended(err)}
		}
		left -= pause
	}
}

// gone are the statuses after which nothing is left to undo: the call succeeded, or the resource no
// longer exists or cannot be undone.
var gone = map[int]bool{200: true, 201: true, 202: true, 204: true, 403: true, 404: true, 409: true}

// cleanUp undoes the effects of a case, even after the context's end. It skips what was never
// created.
func (r *runner) cleanUp(ctx context.Context, steps []step, known vars) {
	if r.silent >= giveUpAfter {
		return // the ids were not captured, so nothing can be undone
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer stop()
	for _, s := range steps {
		address, err := r.url(known, s.target())
		if err != nil {
			continue // the variable was not captured: nothing was created
		}
		x, err := r.ask(ctx, known, s)
		switch {
		case err != nil:
			r.left = append(r.left, r.clean(fmt.Sprintf("%s: %v", s.method()+" "+address, err)))
		case !gone[x.status]:
			r.left = append(r.left, r.clean(fmt.Sprintf("%s: the status is %d", s.method()+" "+address, x.status)))
		}
	}
}

// tearDown undoes the fixtures, in reverse order of building.
func (r *runner) tearDown(ctx context.Context) {
	for _, f := range slices.Backward(r.built) {
		r.cleanUp(ctx, f.cleanup, r.fixtures[f].vars)
	}
}
