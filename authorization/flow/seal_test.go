package flow_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// journeys makes purchases that reach every state.
func journeys(s *scene) (tokens []string) {
	s.Helper()
	r := s.replica()
	begin := func(id string) string { return s.stepUp(r, id).PaymentRequestID }
	visit := func(id string) { _, _ = r.HandleReturn(s.Context(), id) }

	s.approve(begin("paid"))
	visit("paid")
	s.approve(begin("paid-late"))
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter, Times: 2})
	visit("paid-late")
	visit("paid-late")
	visit("paid-late")
	if _, err := s.klarna.Decline(begin("declined")); err != nil {
		s.Fatal(err)
	}
	visit("declined")
	begin("canceled")
	_, _ = r.Cancel(s.Context(), "canceled")
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, StatusCode: 400})
	_, _ = r.Begin(s.Context(), s.order("rejected"))
	invalid := s.order("invalid")
	invalid.Request.RequestPaymentTransaction.Amount = -1
	_, _ = r.Begin(s.Context(), invalid)
	browser := s.browserOrder("browser")
	tokens = append(tokens, browser.SessionToken.Reveal())
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropBefore})
	_, _ = r.Begin(s.Context(), browser)
	_, _ = r.Begin(s.Context(), browser)
	changed := begin("changed")
	if err := s.klarna.ChangeAmount(changed, 1); err != nil {
		s.Fatal(err)
	}
	s.approve(changed)
	visit("changed")
	s.klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "STEP_UP_REQUIRED"})
	stepped := s.browserOrder("browser-stepped-up")
	tokens = append(tokens, stepped.SessionToken.Reveal())
	_, _ = r.Begin(s.Context(), stepped)
	begin("open")
	return tokens
}

func TestStoreAndLogHoldNoReadableSecrets(t *testing.T) {
	s := newScene(t)
	tokens := journeys(s)
	for _, request := range s.klarna.PaymentRequests() {
		tokens = append(tokens, request.PaymentRequestURL)
		if request.SessionToken != "" {
			tokens = append(tokens, request.SessionToken)
		}
	}
	if len(tokens) < 12 {
		t.Fatalf("only %d tokens and URLs were seen", len(tokens))
	}
	for _, secret := range append(tokens, email, givenName, familyName, phone, "Astrid", "Shoes", s.klarna.APIKey, sealSecret) {
		for form, text := range map[string]string{
			"":           secret,
			" in base64": base64.StdEncoding.EncodeToString([]byte(secret))[:4*(len(secret)/3)],
			" in hex":    hex.EncodeToString([]byte(secret)),
		} {
			if bytes.Contains(s.seen, []byte(text)) {
				t.Errorf("the store was given %q%s", secret, form)
			}
			if strings.Contains(s.log.String(), text) {
				t.Errorf("the log has %q%s", secret, form)
			}
		}
	}
	if !bytes.Contains(s.seen, []byte("AUTHORIZED")) {
		t.Error("nothing was checked")
	}
}

func TestAnEndedPurchaseKeepsNoSeal(t *testing.T) {
	s := newScene(t)
	journeys(s)
	ends := map[flow.State]bool{}
	for _, id := range []string{"paid", "paid-late", "declined", "canceled", "rejected", "browser", "changed"} {
		record := s.record(id)
		ends[record.State] = true
		if !record.State.Final() || len(record.Sealed) > 0 || !record.DueAt.IsZero() {
			t.Errorf("%s is %s with %d bytes sealed, due at %v", id, record.State, len(record.Sealed), record.DueAt)
		}
	}
	if len(ends) != 4 {
		t.Errorf("the final states are %v", ends)
	}
	if len(s.record("open").Sealed) == 0 {
		t.Error("an open purchase has no seal")
	}
}

func TestTheSameContentIsSealedDifferently(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.stepUp(r, orderID)
	s.stepUp(r, "order-2")
	if a, b := s.record(orderID).Sealed, s.record("order-2").Sealed; bytes.Equal(a[:16], b[:16]) {
		t.Error("the seals begin alike")
	}
}

// sealing starts a replica with other secrets than the scene's.
func (s *scene) sealing(secret string, older ...string) *replica {
	s.Helper()
	r := s.replica()
	var olderSecrets []klarna.Secret
	for _, o := range older {
		olderSecrets = append(olderSecrets, klarna.NewSecret(o))
	}
	var err error
	if r.Coordinator, err = flow.New(r.client(klarna.RetryPolicy{MaxAttempts: 1}), r.store(), klarna.NewSecret(secret),
		flow.WithClock(s.klarna.Now), flow.WithReport(r.report), flow.WithOlderSealSecrets(olderSecrets...), flow.WithLogger(slog.New(slog.NewJSONHandler(s.log, nil)))); err != nil {
		s.Fatal(err)
	}
	return r
}

const nextSecret = "of-tomorrow-0123456789abcdef-0123456789abcdef"

func TestASealSecretIsRotatedWhilePurchasesAreOpen(t *testing.T) {
	s := newScene(t)
	before := s.replica()
	during := s.sealing(sealSecret, nextSecret)
	after := s.sealing(nextSecret, "of-long-ago-0123456789abcdef-0123456789abcdef", sealSecret)
	for id, replicas := range [][2]*replica{{before, during}, {during, after}, {after, during}} {
		id := fmt.Sprint("order-", id+10)
		s.approve(s.stepUp(replicas[0], id).PaymentRequestID)
		status, err := replicas[1].HandleReturn(t.Context(), id)
		s.wants(status, err, flow.StateAuthorized)
	}
	s.paid(118_00, 118_00, 118_00)

	// The seal of an unanswered purchase is replaced by the replica that receives the answer.
	before.meetsOnce(http.MethodPost, unreachable)
	_, err := before.Begin(t.Context(), s.order("order-2"))
	s.notSent(err)
	status, err := after.Begin(t.Context(), s.order("order-2"))
	s.wants(status, err, flow.StateAwaitingCustomer)
	s.approve(status.PaymentRequestID)
	status, err = s.sealing(nextSecret).HandleReturn(t.Context(), "order-2")
	s.wants(status, err, flow.StateAuthorized)
}

func TestAReplicaWithAnotherSecretDoesNoHarm(t *testing.T) {
	t.Run("before the first call", func(t *testing.T) {
		s := newScene(t)
		r, wrong := s.replica(), s.sealing(nextSecret)
		r.meetsOnce(http.MethodPost, unreachable)
		_, err := r.Begin(t.Context(), s.order(orderID))
		s.notSent(err)
		status, err := wrong.Begin(t.Context(), s.order(orderID))
		if status != nil || !errors.Is(err, flow.ErrOthersStore) || len(s.klarna.Requests()) > 0 {
			t.Fatalf("%v, %v", status, err)
		}
		status, err = r.Begin(t.Context(), s.order(orderID))
		s.wants(status, err, flow.StateAwaitingCustomer)
	})
	t.Run("before the final call", func(t *testing.T) {
		s := newScene(t)
		r, wrong := s.replica(), s.sealing(nextSecret)
		approved(s, r)
		status, err := wrong.HandleReturn(t.Context(), orderID)
		if status != nil || !errors.Is(err, flow.ErrOthersStore) {
			t.Fatalf("%v, %v", status, err)
		}
		s.paid()
		status, err = r.HandleReturn(t.Context(), orderID)
		s.wants(status, err, flow.StateAuthorized)
	})
}

// unguarded is a store without settings, so that a wrong secret is not detected at the start.
type unguarded struct{ flow.Store }

func TestAReplicaWithAnotherSecretLosesNoApproval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		const n = 50
		var replicas []*replica
		for _, secret := range []string{nextSecret, sealSecret} {
			r := s.replica()
			var err error
			if r.Coordinator, err = flow.New(r.client(klarna.RetryPolicy{MaxAttempts: 1}), unguarded{r.store()}, klarna.NewSecret(secret),
				flow.WithLogger(slog.New(slog.NewJSONHandler(s.log, nil)))); err != nil {
				t.Fatal(err)
			}
			replicas = append(replicas, r)
		}
		wrong, right := replicas[0], replicas[1]
		s.approvedOf(right, s.klarna.PartnerAccountID, "order", n)
		s.approvedOf(wrong, s.klarna.PartnerAccountID, "begun-by-the-other", n)
		stopWrong := runs(t, wrong)
		<-time.After(10 * time.Minute)
		stopRight := runs(t, right)
		<-time.After(30 * time.Minute)
		stopWrong()
		stopRight()
		for _, name := range []string{"order", "begun-by-the-other"} {
			if paid := s.authorized(name, n); paid != n {
				t.Errorf("%s: %d of %d are authorized", name, paid, n)
			}
		}
	})
}

func TestASealBelongsToOnePurchase(t *testing.T) {
	for name, damage := range map[string]func(sealed, other []byte) []byte{
		"another's": func(_, other []byte) []byte { return other },
		"a changed byte": func(sealed, _ []byte) []byte {
			sealed = slices.Clone(sealed)
			sealed[len(sealed)/2] ^= 1
			return sealed
		},
		"cut":  func(sealed, _ []byte) []byte { return sealed[:len(sealed)-1] },
		"gone": func(_, _ []byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			approved(s, r)
			s.stepUp(r, "order-2")
			whole := s.record(orderID)
			swapped := whole
			swapped.Sealed = damage(whole.Sealed, s.record("order-2").Sealed)
			if err := s.memory.Update(t.Context(), swapped); err != nil {
				t.Fatal(err)
			}
			err := s.fails(r)
			if _, isKlarnas := errors.AsType[*klarna.Error](err); isKlarnas || !strings.Contains(err.Error(), "sealed") {
				t.Errorf("got the error %v", err)
			}
			s.paid()
			mended := s.record(orderID)
			mended.Sealed = whole.Sealed
			if err := s.memory.Update(t.Context(), mended); err != nil {
				t.Fatal(err)
			}
			status, err := r.HandleReturn(t.Context(), orderID)
			s.wants(status, err, flow.StateAuthorized)
		})
	}
}
