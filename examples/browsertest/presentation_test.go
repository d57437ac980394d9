package browsertest

import "testing"

// shown says what a customer sees of the payment methods, from top to bottom: what is chosen is in
// brackets, what is collapsed in parentheses.
const shown = `[...document.querySelectorAll(".method, #others")].filter((e) => e.id === "others" ? !e.hidden : !e.hidden).map((e) => {
	if (e.id === "others") return e.open ? "others" : "others:";
	const chosen = e.querySelector("input").checked;
	const collapsed = e.closest("details:not([open])");
	return chosen ? "[" + e.id + "]" : collapsed ? "(" + e.id + ")" : e.id;
}).join(" ")`

func TestKlarnaIsShownAsItsInstructionSays(t *testing.T) {
	for instruction, want := range map[string]string{
		"SHOW_KLARNA":      "card klarna",
		"PRESELECT_KLARNA": "[klarna] card",
		"SHOW_ONLY_KLARNA": "[klarna] others: (card)",
		"HIDE_KLARNA":      "card",
		"SOMETHING_NEW":    "card klarna",
	} {
		t.Run(instruction, func(t *testing.T) {
			for name, ask := range map[string]func(p *page, set func(string), url string){
				"by Klarna": func(p *page, set func(string), url string) { set(instruction); p.goTo(url) },
				"by the address": func(p *page, _ func(string), url string) {
					p.goTo(url + "?instruction=" + instruction)
				},
			} {
				t.Run(name, func(t *testing.T) {
					p, a := play(t)
					p.checkout(a)
					ask(p, a.Klarna.SetInstruction, eval[string](p, `location.origin + location.pathname`))
					p.until(`document.querySelector("#loading").hidden`)
					if got := eval[string](p, shown); got != want {
						t.Errorf("%s, want %s", got, want)
					}
					if name == "by Klarna" {
						p.shoot("instruction-" + instruction)
					}
				})
			}
		})
	}
}

func TestOtherMethodsAreUnderOtherWaysToPay(t *testing.T) {
	p, a := play(t)
	a.Klarna.SetInstruction("SHOW_ONLY_KLARNA")
	p.checkout(a)
	p.click("#others summary")
	p.click("label[for=choose-card]")
	p.click("button[value=card]")
	p.see(".done")
}

func TestOtherMethodsAreShownWithoutKlarna(t *testing.T) {
	p, a := play(t)
	p.expect("ERR_CONNECTION_REFUSED")
	p.checkout(a)
	a.Klarna.Close()
	p.goTo(eval[string](p, `location.href`))
	p.until(`document.querySelector("#loading").hidden`)
	if got := eval[string](p, shown); got != "card" {
		t.Errorf("%s, want card", got)
	}
	p.click("label[for=choose-card]")
	p.click("button[value=card]")
	p.see(".done")
}

func TestTheJourneyIsDrawnAsItHappens(t *testing.T) {
	p, a := play(t)
	p.checkout(a)
	p.until(`[...document.querySelectorAll(".journey li")].some((e) => e.innerText.includes("Payment.presentation()") && e.innerText.includes("SHOW_KLARNA"))`)
	w := p.payWithKlarna()
	p.until(`[...document.querySelectorAll(".journey li")].some((e) => e.textContent.includes("Acquiring Partner to Klarna:") && e.innerText.includes("STEP_UP_REQUIRED"))`)
	w.decide("approve")
	p.confirmed(a, price)
	for _, want := range []string{"complete", "final, EUR 118.00", "payment.request.state-change.completed", "GET /sessions/"} {
		p.until(`document.querySelector(".journey ol").textContent.includes("` + want + `")`)
	}
	// An arrow leads from the middle of one party's column to that of the other's.
	if !eval[bool](p, `[...document.querySelectorAll(".journey li")].every((e) => {
		const columns = [...document.querySelectorAll(".journey .parties span")].map((c) => { const r = c.getBoundingClientRect(); return r.left + r.width / 2; });
		const [, from, to] = /from-(\d) to-(\d)/.exec(e.className);
		const { left, right } = e.querySelector(".arrow").getBoundingClientRect();
		const ends = [columns[from], columns[to]].sort((a, b) => a - b);
		return Math.abs(left - ends[0]) < 12 && Math.abs(right - ends[1]) < 12;
	})`) {
		t.Error("an arrow does not lead from party to party")
	}
}
