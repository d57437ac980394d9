package browsertest

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

const price = 118_00

func TestACustomerPaysWithKlarna(t *testing.T) {
	p, a := play(t)
	p.checkout(a)
	p.payWithKlarna().decide("approve")
	p.confirmed(a, price)
}

func TestACustomerPaysOnAPhone(t *testing.T) {
	p, a := play(t)
	p.resize(390, 844)
	p.checkout(a)
	p.chooseKlarna()
	p.click(klarnaButton)
	p.decide("approve")
	p.confirmed(a, price)
}

func TestACustomerPaysWithOtherShippingAtKlarna(t *testing.T) {
	p, a := play(t)
	p.checkout(a)
	w := p.payWithKlarna()
	w.click("summary")
	w.click("input[value=express]")
	w.click("button[value=shipping]")
	w.until(`document.querySelector("h1").textContent.includes("127.90")`)
	w.decide("approve")
	p.confirmed(a, price+9_90)
}

func TestACustomerPaysWithoutJavaScript(t *testing.T) {
	p, a := play(t)
	if _, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	p.goTo(a.URL)
	p.click("main button")
	p.click("label[for=choose-klarna]")
	p.click("button[value=klarna]")
	p.click("button[value=approve]")
	p.see(".done")
	if n := len(a.Klarna.Transactions()); n != 1 {
		t.Errorf("%d transactions", n)
	}
}

func TestADeclineInvitesAnotherMethod(t *testing.T) {
	p, a := play(t)
	p.expect("402")
	a.Klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "DECLINED"})
	p.checkout(a)
	p.chooseKlarna()
	p.click(klarnaButton)
	p.until(`document.activeElement.id === "notice"`)
	if text := p.text(); !strings.Contains(text, "Klarna did not approve this payment") {
		t.Errorf("the page says\n%s", text)
	}
	p.click("label[for=choose-card]")
	p.click("button[value=card]")
	p.see(".done")
	if text := p.text(); !strings.Contains(text, "nobody was charged") || len(a.Klarna.Transactions()) != 0 {
		t.Errorf("%d transactions, and the page says\n%s", len(a.Klarna.Transactions()), text)
	}
}

func TestADeclineAtKlarnaLeavesAnotherTry(t *testing.T) {
	p, a := play(t)
	p.checkout(a)
	p.payWithKlarna().decide("decline")
	p.until(`document.activeElement.id === "notice" && document.activeElement.innerText.includes("Klarna did not approve")`)
	p.see("#klarna")
	p.payWithKlarna().decide("approve")
	p.confirmed(a, price)
	if n := len(a.Klarna.PaymentRequests()); n != 2 {
		t.Errorf("%d payment requests", n)
	}
}

func TestACustomerWhoReturnsPaysTheSamePurchase(t *testing.T) {
	for name, leave := range map[string]func(*page){
		"by the button": func(w *page) { w.decide("leave") },
		"by closing the window": func(w *page) {
			_, _ = chromedp.Run(w.ctx, chromedp.Evaluate[chromedp.Void](`window.close()`)) // nobody is left to answer
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, a := play(t)
			p.checkout(a)
			leave(p.payWithKlarna())
			p.until(`document.activeElement.id === "notice" && document.activeElement.innerText.includes("You have not paid yet")`)
			p.see("#klarna")
			p.payWithKlarna().decide("approve")
			p.confirmed(a, price)
			if n := len(a.Klarna.PaymentRequests()); n != 1 {
				t.Errorf("%d payment requests", n)
			}
		})
	}
}

func TestLeavingOnAPhoneReturnsToTheCheckout(t *testing.T) {
	p, a := play(t)
	p.resize(390, 844)
	p.checkout(a)
	p.chooseKlarna()
	p.click(klarnaButton)
	p.decide("leave")
	p.until(`document.querySelector("#notice")?.innerText.includes("You have not paid yet")`)
	p.see("#klarna")
	p.chooseKlarna()
	p.click(klarnaButton)
	p.decide("approve")
	p.confirmed(a, price)
}

func TestADoubleCompleteIsOneOrder(t *testing.T) {
	p, a := play(t)
	a.Klarna.SetDuplicateComplete(true)
	p.checkout(a)
	p.payWithKlarna().decide("approve")
	p.confirmed(a, price)
	p.until(`[...document.querySelectorAll(".journey li")].filter((e) => e.textContent.includes("complete browser SDK"))
		.reduce((n, e) => n + Number(/× (\d+)/.exec(e.textContent)?.[1] ?? 1), 0) === 2`)
}

func TestAPaymentDoesNotDependOnItsWebhook(t *testing.T) {
	for name, fault := range map[string]klarnatest.WebhookFault{"delayed": klarnatest.WebhookFaultLate, "lost": klarnatest.WebhookFaultLose} {
		t.Run(name, func(t *testing.T) {
			p, a := play(t)
			a.Klarna.ScriptWebhooks(klarnatest.WebhookRule{EventType: "payment.request.state-change.completed", Fault: fault, Delay: time.Hour})
			p.checkout(a)
			p.payWithKlarna().decide("approve")
			p.confirmed(a, price)
			a.Klarna.Advance(time.Hour)
			a.Klarna.Flush()
			if n := len(a.Klarna.Transactions()); n != 1 {
				t.Errorf("%d transactions after the webhook has arrived", n)
			}
		})
	}
}

func TestTheConfirmationWaitsForTheServersWord(t *testing.T) {
	p, a := play(t)
	p.checkout(a)
	w := p.payWithKlarna()
	a.Klarna.Script(klarnatest.Fault{Operation: "authorization.authorize", Times: 1000})
	w.decide("approve")
	p.until(`document.querySelector("h1")?.textContent === "Your payment is being confirmed"`)
	if n := len(a.Klarna.Transactions()); n != 0 {
		t.Errorf("%d transactions", n)
	}
	a.Klarna.ClearFaults()
	p.confirmed(a, price)
}

func TestAPageContinuesAfterAReload(t *testing.T) {
	p, a := play(t)
	p.checkout(a)
	w := p.payWithKlarna()
	p.do(chromedp.Reload())
	p.see("#klarna")
	p.until(`document.querySelector("#notice").innerText.includes("You have not paid yet")`)
	w.decide("approve")
	p.confirmed(a, price)
}

func TestTwoTabsAreOnePayment(t *testing.T) {
	first, a := play(t)
	first.checkout(a)
	second := first.tab()
	second.goTo(eval[string](first, `location.href`))
	second.see("#klarna")
	one, _ := first.payWithKlarna(), second.payWithKlarna()
	if n := len(a.Klarna.PaymentRequests()); n != 1 {
		t.Fatalf("%d payment requests", n)
	}
	one.decide("approve")
	first.confirmed(a, price)
	second.confirmed(a, price)
}
