package flow_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// stall blocks its callers until the test releases them.
type stall struct {
	release chan struct{}
	once    sync.Once
}

func newStall() *stall { return &stall{release: make(chan struct{})} }

// hang blocks, without regard to any context.
func (s *stall) hang() error {
	<-s.release
	return errors.New("it hung")
}

func (s *stall) end() { s.once.Do(func() { close(s.release) }) }

// approvedOf begins purchases of an account. Their customers approve, and no webhook arrives.
func (s *scene) approvedOf(r *replica, account, name string, n int) {
	s.Helper()
	for i := range n {
		order := s.order(fmt.Sprint(name, "-", i))
		order.PartnerAccountID = account
		status, err := r.Begin(s.Context(), order)
		s.wants(status, err, flow.StateAwaitingCustomer)
		s.approve(status.PaymentRequestID)
	}
}

// authorized counts the paid purchases with a name.
func (s *scene) authorized(name string, n int) (paid int) {
	s.Helper()
	for i := range n {
		if s.record(fmt.Sprint(name, "-", i)).State == flow.StateAuthorized {
			paid++
		}
	}
	return paid
}

// stopsInTime stops recovery and checks how long that takes.
func stopsInTime(t *testing.T, stop func()) {
	t.Helper()
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Run returned %v after its context ended, want ten seconds at most", took)
	}
}

func TestAnUnansweredClaimIsRepeated(t *testing.T) {
	for name, heeds := range map[string]bool{"and obeys its context": true, "and ignores its context": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := running(t)
				r := s.replica(flow.WithRecoveryRate(60))
				s.approvedOf(r, s.klarna.PartnerAccountID, "order", 20)
				silent := newStall()
				defer silent.end()
				var mu sync.Mutex
				claims := 0
				r.claims = func(ctx context.Context) error {
					mu.Lock()
					claims++
					first := claims <= 2 // one for each pool
					mu.Unlock()
					switch {
					case !first:
						return nil
					case heeds:
						<-ctx.Done()
						return ctx.Err()
					default:
						return silent.hang()
					}
				}
				stop := runs(t, r)
				<-time.After(2 * time.Minute)
				if n := s.authorized("order", 20); n != 20 {
					t.Errorf("%d of 20 are authorized after two minutes", n)
				}
				want := 2
				if heeds {
					want = 0
				}
				if h := r.Health(); !h.Running || time.Since(h.LastRound) > 10*time.Second || h.Abandoned != want {
					t.Errorf("%+v, want %d abandoned", h, want)
				}
				stopsInTime(t, stop)
			})
		})
	}
}

// The store ignores the end of its context.
func TestRunReturnsThoughAStepIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		r := s.replica(flow.WithRecoveryRate(60))
		s.approvedOf(r, s.klarna.PartnerAccountID, "order", 3)
		silent := newStall()
		defer silent.end()
		r.writes(func(operation string, _ flow.Record, do func() error) error {
			if operation == "Update" {
				return silent.hang()
			}
			return do()
		})
		stop := runs(t, r)
		<-time.After(2 * time.Minute)
		if h := r.Health(); h.Slow != 3 {
			t.Errorf("%+v, want three slow steps", h)
		}
		<-time.After(3 * time.Minute)
		if h := r.Health(); h.Abandoned != 3 || time.Since(h.LastRound) > 10*time.Second {
			t.Errorf("%+v, want three abandoned", h)
		}
		for i := range 3 {
			s.stepUp(s.replica(), fmt.Sprint("another-", i))
		}
		<-time.After(time.Minute + 5*time.Second)
		stopsInTime(t, stop)
	})
}

// An abandoned step continues after recovery has ended, and then has a transition to report.
func TestAnAbandonedStepMayEndAfterRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		r := s.replica(flow.WithRecoveryRate(60))
		s.approvedOf(r, s.klarna.PartnerAccountID, "order", 3)
		silent := newStall()
		defer silent.end()
		r.writes(func(operation string, _ flow.Record, do func() error) error {
			err := do()
			if operation == "Update" {
				<-silent.release
			}
			return err
		})
		<-time.After(time.Minute)
		if _, err := r.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if h := r.Health(); h.Abandoned != 3 {
			t.Fatalf("%+v, want three abandoned", h)
		}
		silent.end()
		<-time.After(time.Minute)
		if h := r.Health(); h.Abandoned != 0 || h.Steps != 0 {
			t.Errorf("%+v after all have returned", h)
		}
		s.recovers(r)
		if n := s.authorized("order", 3); n != 3 {
			t.Errorf("%d of 3 are authorized", n)
		}
	})
}

// A store whose writes of one purchase fail in any way delays only that purchase, and recovery ends
// in time.
func TestAStoreFailureOfOnePurchaseDelaysNoOther(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func() error{
		"by a panic":                  func() error { panic(email) },
		"by the end of its goroutine": func() error { runtime.Goexit(); return nil },
		"by silence":                  func() error { <-time.After(10 * time.Second); return context.DeadlineExceeded },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := running(t)
				s.approvedOf(s.replica(), s.klarna.PartnerAccountID, "order", 100)
				s.approvedOf(s.replica(), s.klarna.PartnerAccountID, "failing", 100)
				r := s.replica(flow.WithRecoveryRate(60))
				r.writes(func(operation string, record flow.Record, do func() error) error {
					if operation == "Update" && strings.HasPrefix(record.ID, "failing") {
						return fails()
					}
					return do()
				})
				stop := runs(t, r)
				<-time.After(3 * time.Minute)
				if n := s.authorized("order", 100); n != 100 {
					t.Errorf("%d of 100 are authorized after three minutes", n)
				}
				r.writes(nil)
				<-time.After(3 * time.Minute)
				if n := s.authorized("failing", 100); n != 100 {
					t.Errorf("%d of 100 are authorized after the store has recovered", n)
				}
				stopsInTime(t, stop)
				if strings.Contains(s.log.String(), email) {
					t.Error("the log has the value of the panic")
				}
			})
		})
	}
}

func TestAReportThatFailsInAnyWayIsRepeated(t *testing.T) {
	for name, fails := range map[string]func(){
		"by a panic":                  func() { panic(email) },
		"by the end of its goroutine": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := running(t)
				r := s.replica(flow.WithRecoveryRate(60))
				s.reported.failing(func(flow.Transition) error { fails(); return nil })
				s.approve(s.stepUp(r, orderID).PaymentRequestID)
				status, err := r.HandleReturn(t.Context(), orderID)
				s.wants(status, err, flow.StateAuthorized)
				stop := runs(t, r)
				<-time.After(2 * time.Minute)
				s.reported.failing(nil)
				<-time.After(2 * time.Minute)
				stop()
				s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateAuthorized)
				if record := s.record(orderID); !record.DueAt.IsZero() {
					t.Errorf("the purchase is still due at %v", record.DueAt)
				}
			})
		})
	}
}

// All due purchases belong to one account, which never runs more steps than its limit.
func TestAnAccountsBacklogIsFinishedInOneRun(t *testing.T) {
	t.Parallel()
	const n = 300
	for name, recovers := range map[string]func(*replica, *testing.T){
		"by Recover": func(r *replica, t *testing.T) {
			if looked, err := r.Recover(t.Context()); looked < n || err != nil {
				t.Errorf("recovery processed %d of %d, %v", looked, n, err)
			}
		},
		"by Run": func(r *replica, t *testing.T) {
			stop := runs(t, r)
			<-time.After(n * time.Second / 30)
			stop()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := running(t)
				s.approvedOf(s.replica(), s.klarna.PartnerAccountID, "order", n)
				<-time.After(2 * time.Minute)
				r := s.replica(flow.WithRecoveryRate(1000))
				r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
					<-time.After(400 * time.Millisecond)
					return pass(request)
				})
				recovers(r, t)
				if paid := s.authorized("order", n); paid != n {
					t.Errorf("%d of %d are authorized", paid, n)
				}
			})
		})
	}
}

// A platform's client function that hangs, panics or ends its goroutine makes only the calls of its
// account fail, and in time.
func TestAFailingClientFunctionDelaysOnlyItsAccount(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(context.Context, *stall) error{
		"it hangs and obeys its context":   func(ctx context.Context, _ *stall) error { <-ctx.Done(); return ctx.Err() },
		"it hangs and ignores its context": func(_ context.Context, silent *stall) error { return silent.hang() },
		"it panics":                        func(context.Context, *stall) error { panic(email) },
		"it ends its goroutine":            func(context.Context, *stall) error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := running(t)
				silent := newStall()
				defer silent.end()
				account := s.klarna.AddAccount()
				s.approvedOf(s.replica(), account, "troubled", 100)
				s.approvedOf(s.replica(), s.klarna.PartnerAccountID, "order", 100)
				var well atomic.Bool
				r := s.replica()
				client := r.client(klarna.RetryPolicy{MaxAttempts: 1})
				r = s.replica(flow.WithRecoveryRate(60), flow.WithClients(func(ctx context.Context, of string) (*klarna.Client, error) {
					if of == account && !well.Load() {
						return nil, fails(ctx, silent)
					}
					return client, nil
				}))
				stop := runs(t, r)
				<-time.After(3 * time.Minute)
				if n := s.authorized("order", 100); n != 100 {
					t.Errorf("of the other account %d of 100 are authorized after three minutes", n)
				}
				order := s.order("order-of-the-troubled")
				order.PartnerAccountID = account
				began := time.Now()
				if status, err := r.Begin(context.Background(), order); status != nil || err == nil || time.Since(began) > 15*time.Second {
					t.Errorf("%v, %v after %v", status, err, time.Since(began))
				}
				well.Store(true)
				silent.end()
				<-time.After(5 * time.Minute)
				if n := s.authorized("troubled", 100); n != 100 {
					t.Errorf("%d of 100 are authorized after the trouble", n)
				}
				if h := r.Health(); h.Abandoned != 0 {
					t.Errorf("%+v", h)
				}
				stop()
				if strings.Contains(s.log.String(), email) {
					t.Error("the log has the value of the panic")
				}
			})
		})
	}
}

// The callbacks of an account are called even if many of another account's hang.
func TestHangingCallbacksDelayNoOtherAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		silent := newStall()
		defer silent.end()
		account := s.klarna.AddAccount()
		begins := s.replica(flow.WithReport(nil))
		approvesAnotherAmount := func(account, name string) {
			for i := range 100 {
				order := s.order(fmt.Sprint(name, "-", i))
				order.PartnerAccountID = account
				status, err := begins.Begin(t.Context(), order)
				s.wants(status, err, flow.StateAwaitingCustomer)
				if err := s.klarna.ChangeAmount(status.PaymentRequestID, 123_00); err != nil {
					t.Fatal(err)
				}
				s.approve(status.PaymentRequestID)
			}
		}
		approvesAnotherAmount(account, "hanging")
		r := s.replica(flow.WithRecoveryRate(60), flow.WithAmountPolicy(func(_ context.Context, change flow.AmountChange) (bool, error) {
			if change.Status.PartnerAccountID == account {
				return false, silent.hang()
			}
			return true, nil
		}))
		stop := runs(t, r)
		<-time.After(3 * time.Minute)
		approvesAnotherAmount(s.klarna.PartnerAccountID, "order")
		<-time.After(3 * time.Minute)
		if n := s.authorized("order", 100); n != 100 {
			t.Errorf("of the other account %d of 100 are authorized after three minutes", n)
		}
		if h := r.Health(); h.Abandoned < 64 {
			t.Errorf("%+v, want 64 abandoned at least", h)
		}
		stop()
	})
}

func TestALateLoopIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		r := s.replica(flow.WithRecoveryRate(60))
		r.claims = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		stop := runs(t, r)
		<-time.After(10 * time.Minute)
		if n := strings.Count(s.log.String(), "recovery is late"); n < 8 || n > 11 {
			t.Errorf("the log reports %d times in ten minutes that recovery is late, want once a minute", n)
		}
		if h := r.Health(); !h.LastRound.IsZero() {
			t.Errorf("%+v", h)
		}
		stopsInTime(t, stop)
	})
}

func TestALoopThatFallsBehindIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		s.many(s.replica(), 300)
		<-time.After(10 * time.Minute)
		r := s.replica(flow.WithRecoveryRate(1))
		stop := runs(t, r)
		<-time.After(2 * time.Minute)
		if log := s.log.String(); !strings.Contains(log, "recovery is behind") || strings.Contains(log, "recovery is late") {
			t.Errorf("the log is %s", log)
		}
		if h := r.Health(); h.OldestDue.IsZero() || time.Since(h.OldestDue) < 5*time.Minute {
			t.Errorf("%+v", h)
		}
		stop()
	})
}

// A callback that hangs delays its own purchase, and no other.
func TestACallbackThatHangsDelaysOnlyItsPurchase(t *testing.T) {
	t.Parallel()
	const hanging, others = 20, 100
	for name, heeds := range map[string]bool{"and obeys its context": true, "and ignores its context": false} {
		for _, callback := range []string{"a policy", "a report"} {
			t.Run(callback+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := running(t)
					silent := newStall()
					defer silent.end()
					hang := func(ctx context.Context, id string) error {
						switch {
						case !strings.HasPrefix(id, "hanging"):
							return nil
						case heeds:
							<-ctx.Done()
							return ctx.Err()
						default:
							return silent.hang()
						}
					}
					begins := s.replica(flow.WithReport(nil))
					r := s.replica(flow.WithRecoveryRate(60), flow.WithAmountPolicy(func(ctx context.Context, change flow.AmountChange) (bool, error) {
						if callback != "a policy" {
							return true, nil
						}
						return true, hang(ctx, change.Status.ID)
					}), flow.WithReport(func(ctx context.Context, transition flow.Transition) error {
						if callback != "a report" {
							return nil
						}
						return hang(ctx, transition.Status.ID)
					}))
					for i := range hanging {
						id := s.stepUp(begins, fmt.Sprint("hanging-", i)).PaymentRequestID
						if err := s.klarna.ChangeAmount(id, 123_00); err != nil {
							t.Fatal(err)
						}
						s.approve(id)
					}
					s.approvedOf(begins, s.klarna.PartnerAccountID, "order", others)
					stop := runs(t, r)
					<-time.After(90 * time.Second)
					if n := s.authorized("order", others); n != others {
						t.Errorf("%d of %d are authorized after a minute and a half", n, others)
					}
					if callback == "a report" {
						if n := s.authorized("hanging", hanging); n != hanging {
							t.Errorf("%d of %d whose reports hang are authorized", n, hanging)
						}
					}
					want := 0
					if !heeds {
						want = hanging
					}
					if h := r.Health(); h.Abandoned != want || time.Since(h.LastRound) > 10*time.Second {
						t.Errorf("%+v, want %d abandoned", h, want)
					}
					if log := s.log.String(); strings.Contains(log, "was abandoned") == heeds {
						t.Errorf("the log is %s", log)
					}
					stopsInTime(t, stop)
					silent.end()
					synctest.Wait()
					if h := r.Health(); h.Abandoned != 0 || h.Running {
						t.Errorf("%+v after all have returned", h)
					}
				})
			})
		}
	}
}

func TestACallbackThatPanicsIsRepeatedWithABackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		r := s.replica(flow.WithRecoveryRate(60))
		if _, err := s.klarna.Decline(s.stepUp(r, orderID).PaymentRequestID); err != nil {
			t.Fatal(err)
		}
		before := len(s.reported.all())
		s.reported.failing(func(flow.Transition) error { panic(email) })
		stop := runs(t, r)
		<-time.After(11 * time.Minute)
		tries := len(s.reported.all()) - before
		if tries < 8 || tries > 25 {
			t.Errorf("%d tries in ten minutes, want them to back off to a minute", tries)
		}
		s.reported.failing(nil)
		<-time.After(2 * time.Minute)
		s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateDeclined)
		stop()
		if log := s.log.String(); !strings.Contains(log, "panicked") || strings.Contains(log, email) {
			t.Errorf("the log is %s", log)
		}
	})
}

// Only the account whose calls hang, or that Klarna limits, is paused.
func TestAnAccountInTroubleDelaysNoOther(t *testing.T) {
	t.Parallel()
	const each = 150
	for name, trouble := range map[string]network{
		"its calls hang": func(r *http.Request, _ roundTrip) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"it is limited": func(r *http.Request, pass roundTrip) (*http.Response, error) {
			response, err := answering(429, `{"error_code":"RATE_LIMITED","error_id":"x"}`)(r, pass)
			response.Header.Set("X-Ratelimit-Reset", "60")
			return response, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := running(t)
				account := s.klarna.AddAccount()
				begins := s.replica()
				s.approvedOf(begins, account, "troubled", 3*each) // due before the others
				<-time.After(time.Minute)
				s.approvedOf(begins, s.klarna.PartnerAccountID, "order", each)
				r := s.replica(flow.WithRecoveryRate(60))
				r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
					if strings.Contains(request.URL.Path, account) {
						return trouble(request, pass)
					}
					return pass(request)
				})
				stop := runs(t, r)
				<-time.After(2 * time.Minute)
				if n := s.authorized("order", each); n != each {
					t.Errorf("of the other account %d of %d are authorized after two minutes", n, each)
				}
				if h := r.Health(); h.PausedAccounts != 1 {
					t.Errorf("%+v, want one account paused", h)
				}
				r.meets(nil)
				<-time.After(10 * time.Minute)
				if n := s.authorized("troubled", 3*each); n != 3*each {
					t.Errorf("%d of %d are authorized after the trouble", n, 3*each)
				}
				stop()
			})
		})
	}
}

// Recovery can wait and callers cannot, so it leaves them the last fifth of a quota.
func TestRecoveryLeavesTheRestOfAQuotaToCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		s.many(s.replica(), 100)
		<-time.After(3 * time.Minute)
		r := s.replica(flow.WithRecoveryRate(1000))
		var mu sync.Mutex
		calls := map[int64]int{}
		r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
			mu.Lock()
			second := time.Now().Unix()
			calls[second]++
			left := max(20-calls[second], 0)
			mu.Unlock()
			response, err := pass(request)
			if err == nil {
				response.Header.Set("X-Ratelimit-Limit", "20")
				response.Header.Set("X-Ratelimit-Remaining", strconv.Itoa(left))
				response.Header.Set("X-Ratelimit-Reset", "1")
			}
			return response, err
		})
		stop := runs(t, r)
		<-time.After(30 * time.Second)
		stop()
		if n := len(s.reads()); n != 100 {
			t.Errorf("%d were read", n)
		}
		for _, n := range calls {
			if n > 17+16 { // including those in flight
				t.Errorf("%d calls in a second of 20", n)
			}
		}
		if len(calls) < 4 {
			t.Errorf("all calls were made in %d seconds", len(calls))
		}
	})
}

// An order system that hangs delays no payment.
func TestReportsToRepeatDelayNoMoney(t *testing.T) {
	t.Parallel()
	const reports, approved = 1_400, 120
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		silent := newStall()
		defer silent.end()
		begins := s.replica()
		s.reported.failing(func(flow.Transition) error { return errors.New("down") })
		for i := range reports {
			status := s.stepUp(begins, fmt.Sprint("ended-", i))
			if _, err := s.klarna.Decline(status.PaymentRequestID); err != nil {
				t.Fatal(err)
			}
			status, err := begins.HandleReturn(t.Context(), status.ID)
			s.wants(status, err, flow.StateDeclined)
		}
		<-time.After(time.Minute)
		s.approvedOf(s.replica(), s.klarna.PartnerAccountID, "order", approved)
		r := s.replica(flow.WithRecoveryRate(60), flow.WithReport(func(ctx context.Context, _ flow.Transition) error {
			<-ctx.Done()
			return ctx.Err()
		}))
		stop := runs(t, r)
		<-time.After(2 * time.Minute)
		if n := s.authorized("order", approved); n != approved {
			t.Errorf("%d of %d are authorized after two minutes", n, approved)
		}
		// The number that is running at one moment depends on when each began.
		most := 0
		for range 120 {
			<-time.After(100 * time.Millisecond)
			most = max(most, r.Health().Reports)
		}
		if most < 8 || most > 16 {
			t.Errorf("%d concurrent reports, want 8 to 16", most)
		}
		stopsInTime(t, stop)
	})
}

// The approval with the least time left is finalized first, regardless of what was due first.
func TestApprovalsAreFinalizedByTheTimeLeft(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	var ids []string
	for i := range 5 {
		id := fmt.Sprint("order-", i)
		s.approve(s.stepUp(r, id).PaymentRequestID)
		r.meetsOnce(http.MethodPost, unreachable)
		_, err := r.HandleReturn(t.Context(), id)
		s.notSent(err)
		s.stands(id, flow.StateFinalizing, "")
		ids = append(ids, id)
		s.klarna.Advance(10 * time.Minute)
	}
	waiting := s.stepUp(r, "waiting")
	s.klarna.Advance(5 * time.Minute)
	_ = waiting
	// The one that was approved first was due last.
	for i, id := range ids {
		record := s.record(id)
		record.DueAt = s.klarna.Now().Add(-time.Duration(i) * time.Second)
		if err := s.memory.Update(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	r.meets(unreachable)
	list := s.claimed(r)
	want := "order-0 order-1 order-2 order-3 order-4 waiting"
	if got := strings.Join(list, " "); got != want {
		t.Errorf("recovery claims %s, want %s", got, want)
	}
}

// claimed returns the ids of the purchases that one recovery claims, in order.
func (s *scene) claimed(r *replica) (ids []string) {
	s.Helper()
	r.took = func(list []flow.Claimed) {
		for _, c := range list {
			ids = append(ids, c.ID)
		}
	}
	s.recovers(r)
	r.took = nil
	return ids
}

// A webhook reports that the customer has finished, and Klarna cannot be reached. That purchase
// comes before those whose customer was never seen.
func TestASeenCustomerIsClaimedFirst(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.many(r, 3)
	s.klarna.Advance(time.Minute)
	third := s.status("order-3").PaymentRequestID
	if err := s.klarna.Open(s.status("order-2").PaymentRequestID); err != nil {
		t.Fatal(err)
	}
	s.recovers(r)
	r.meets(unreachable)
	if err := r.HandleEvent(t.Context(), completed(third)); err == nil {
		t.Fatal("the event was acknowledged")
	}
	s.klarna.Advance(time.Hour)
	got := s.claimed(r)
	if len(got) != 3 || got[2] != "order-1" {
		t.Errorf("recovery claims %q, want order-1 last", got)
	}
}

// Each account meets Klarna's limit for the credentials, and is delayed no longer than its pause.
func TestARateLimitIsNotMultiplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		s.many(s.replica(), 40)
		<-time.After(2 * time.Minute)
		s.klarna.Script(klarnatest.Fault{Operation: readCall, StatusCode: 429, Times: 20, Header: http.Header{"X-Ratelimit-Reset": {"5"}}})
		r := s.replicaOf(klarna.RetryPolicy{MaxAttempts: 1}, flow.WithRecoveryRate(60))
		stop := runs(t, r)
		<-time.After(3 * time.Minute)
		stop()
		if n := len(s.reads()); n != 40 {
			t.Errorf("%d of 40 were read", n)
		}
	})
}

// An ended purchase waits in the lane of reports, which no worker for payments claims from.
func TestAnUnreportedPurchaseWaitsAmongTheReports(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.reported.failing(func(flow.Transition) error { return errors.New("down") })
	if _, err := s.klarna.Decline(s.stepUp(r, orderID).PaymentRequestID); err != nil {
		t.Fatal(err)
	}
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateDeclined)
	if record := s.record(orderID); record.Lane != flow.LaneReports || record.DueAt.IsZero() {
		t.Errorf("the purchase is in lane %d and due at %v, want lane %d", record.Lane, record.DueAt, flow.LaneReports)
	}
}

// An event of an approval counts even if Klarna cannot be reached. The purchase joins those that
// are to be finalized, and is tried again within twenty seconds when its time is nearly over.
func TestAnApprovalByEventIsUrgentWithoutARead(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	id := s.stepUp(r, orderID).PaymentRequestID
	r.meets(unreachable)
	if err := r.HandleEvent(t.Context(), completed(id)); err == nil {
		t.Fatal("the event was acknowledged")
	}
	lane := s.record(orderID).Lane
	if lane >= flow.LaneBusy {
		t.Fatalf("the purchase is in lane %d, want a lane of approved purchases", lane)
	}
	for range 55 {
		s.klarna.Advance(time.Minute)
		_ = s.fails(r)
	}
	record := s.record(orderID)
	if pause := record.DueAt.Sub(s.klarna.Now()); record.Lane != lane || pause > 20*time.Second+time.Millisecond {
		t.Errorf("after 55 minutes the purchase is in lane %d and due in %v, want lane %d and 20s at most", record.Lane, pause, lane)
	}
}
