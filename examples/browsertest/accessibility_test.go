package browsertest

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/klarna-go/klarna-go/examples/hosted/app"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

//go:embed testdata/check.js
var check string

// pages are all that a customer can see, and how to come there.
var pages = map[string]func(*page, *app.App){
	"cart":     func(p *page, a *app.App) { p.goTo(a.URL) },
	"checkout": func(p *page, a *app.App) { p.checkout(a); p.chooseKlarna() },
	"checkout with the others collapsed": func(p *page, a *app.App) {
		a.Klarna.SetInstruction("SHOW_ONLY_KLARNA")
		p.checkout(a)
		p.click("#others summary")
		p.click("label[for=choose-card]")
	},
	"checkout with a notice": func(p *page, a *app.App) {
		p.expect("402")
		a.Klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "DECLINED"})
		p.checkout(a)
		p.chooseKlarna()
		p.click(klarnaButton)
		p.see("#notice")
	},
	"checkout without JavaScript": func(p *page, a *app.App) {
		p.checkout(a)
		p.goTo(eval[string](p, `location.href`) + "/plain")
		p.click("label[for=choose-klarna]")
	},
	"waiting": func(p *page, a *app.App) {
		p.checkout(a)
		p.payWithKlarna()
		p.goTo(eval[string](p, `location.href`) + "/return?payment_request_state=COMPLETED")
		p.see(".spinner")
	},
	"checkout while Klarna has not decided": func(p *page, a *app.App) { p.undecided(a) },
	"unclear": func(p *page, a *app.App) {
		p.undecided(a)
		a.Klarna.Advance(24 * time.Hour) // after which Klarna no longer reports the call
		p.do(chromedp.Reload())
		p.see(".message #notice")
	},
	"confirmation": func(p *page, a *app.App) {
		p.checkout(a)
		p.payWithKlarna().decide("approve")
		p.confirmed(a, price)
	},
	"order that is not paid": func(p *page, a *app.App) {
		p.checkout(a)
		reference := eval[string](p, `document.querySelector("caption").textContent.replace("Order ", "")`)
		p.goTo(a.URL + "/orders/" + reference)
	},
	"no checkout": func(p *page, a *app.App) { p.expect("404"); p.goTo(a.CheckoutURL + "/checkout/none") },
	"no order":    func(p *page, a *app.App) { p.expect("404"); p.goTo(a.URL + "/orders/none") },
}

// undecided pays with Klarna, which answers with a result that decides nothing, and loads the page
// again.
func (p *page) undecided(a *app.App) {
	p.t.Helper()
	p.expect("503")
	a.Klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "MAYBE"})
	p.checkout(a)
	p.chooseKlarna()
	p.click(klarnaButton)
	p.see("#notice")
	p.do(chromedp.Reload())
	p.until(`document.querySelector("#notice").innerText.includes("not confirmed your payment yet")`)
	p.see("#klarna")
}

func TestEveryPageIsAccessible(t *testing.T) {
	for name, come := range pages {
		t.Run(name, func(t *testing.T) {
			p, a := play(t)
			come(p, a)
			for _, scheme := range []string{"light", "dark"} {
				p.setColorScheme(scheme)
				for _, width := range []int64{1280, 768, 320} {
					p.resize(width, 800)
					for _, problem := range eval[[]string](p, check) {
						t.Errorf("%s, %d wide: %s", scheme, width, problem)
					}
				}
			}
			for _, problem := range p.nameless() {
				t.Error(problem)
			}
		})
	}
}

func TestTheCheckFindsWhatIsWrong(t *testing.T) {
	p, a := play(t)
	p.checkout(a)
	p.chooseKlarna()
	for spoil, want := range map[string]string{
		`document.querySelector("legend").style.color = "#999"`:                                                                                 "has something inline",
		`document.querySelector("legend").remove()`:                                                                                             "has no legend",
		`document.adoptedStyleSheets = [sheet("legend { color: #999 }")]`:                                                                       `"How would you like to pay?" in <legend> has a contrast of 2.8`,
		`shadow().adoptedStyleSheets = [...shadow().adoptedStyleSheets, sheet("button { color: #3a7a6e }")]`:                                    `has a contrast of`,
		`document.querySelector("main").append(Object.assign(document.createElement("h1"), { textContent: "x" }))`:                              "there are 2 of h1",
		`document.querySelector("main h2").outerHTML = "<h4>Order</h4>"`:                                                                        "skips a level",
		`document.querySelector("main").outerHTML = "<div></div>"`:                                                                              "there are 0 of main landmark",
		`document.querySelector("img").removeAttribute("alt")`:                                                                                  "has no alt",
		`document.querySelector("#card").id = "klarna"`:                                                                                         "the id klarna is there twice",
		`document.querySelector("label").htmlFor = "gone"`:                                                                                      "refers to gone, which is not there",
		`document.querySelector("aside").removeAttribute("aria-labelledby")`:                                                                    "has no name",
		`document.querySelector("a").tabIndex = 3`:                                                                                              "jumps the queue",
		`document.adoptedStyleSheets = [sheet(".top { width: 200vw; max-width: none }")]`:                                                       "the page scrolls sideways",
		`document.adoptedStyleSheets = [sheet("summary { height: 1rem; padding: 0 !important; font-size: 8px !important; line-height: 8px }")]`: "is only",
		`document.documentElement.lang = ""`:                                                                                                    "has no language",
		`document.title = ""`:                                                                                                                   "has no title",
	} {
		p.do(chromedp.Reload())
		p.see("#klarna")
		p.chooseKlarna()
		p.do(chromedp.Evaluate[chromedp.Void](`(() => {
			const sheet = (css) => { const s = new CSSStyleSheet(); s.replaceSync(css); return s; };
			const shadow = () => document.querySelector("[data-part=paymentButton] > *").shadowRoot;
			` + spoil + `;
		})()`))
		found := strings.Join(eval[[]string](p, check), "\n")
		if !strings.Contains(found, want) {
			t.Errorf("after %s it finds %q, and not %q", spoil, found, want)
		}
	}
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("label[for=choose-card]").remove()`))
	if len(p.nameless()) == 0 {
		t.Error("a radio button without a label has a name")
	}
}

// nameless are the controls that a screen reader has no name for, as the browser reports to screen
// readers.
func (p *page) nameless() (problems []string) {
	p.t.Helper()
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		p.t.Fatal(err)
	}
	text := func(v *accessibility.Value) string {
		if v == nil {
			return ""
		}
		return strings.TrimSpace(strings.Trim(string(v.Value), `"`))
	}
	controls := 0
	for _, node := range tree.Nodes {
		role := text(node.Role)
		if node.Ignored || !slices.Contains([]string{"button", "link", "radio", "DisclosureTriangle", "image", "region", "complementary", "table"}, role) {
			continue
		}
		controls++
		if text(node.Name) == "" {
			problems = append(problems, fmt.Sprintf("a %s has no name (node %s)", role, node.NodeID))
		}
	}
	if controls == 0 {
		problems = append(problems, "no control was looked at")
	}
	return problems
}

// focused says what has the focus, and whether a customer sees that.
const focused = `(() => {
	let e = document.activeElement;
	while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
	if (!e || e === document.body) return "";
	const { outlineStyle, outlineWidth } = getComputedStyle(e);
	const box = e.getBoundingClientRect();
	const visible = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && box.width > 0 && box.bottom > 0 && box.top < innerHeight;
	const name = e.id || e.value || e.className || e.textContent.trim();
	return (visible ? "" : "invisible ") + name;
})()`

func TestTheKeyboardAloneReachesEverythingInOrder(t *testing.T) {
	p, a := play(t)
	p.checkout(a)
	p.chooseKlarna()
	p.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`))
	p.goTo(eval[string](p, `location.href`))
	p.see("#klarna")
	var got []string
	for range 7 {
		p.keys(kb.Tab)
		got = append(got, eval[string](p, focused))
	}
	want := []string{"skip", "Back to the shop", "choose-card", "Show Klarna by another instruction", "scroll"}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("the focus goes %q, want %q", got, want)
	}
}

func TestACustomerPaysByKeyboardAlone(t *testing.T) {
	p, a := play(t)
	p.goTo(a.URL)
	p.tabTo("Check out")
	p.keys(kb.Enter)
	p.see("#klarna")
	p.tabTo("choose-card")
	p.keys(kb.ArrowDown)
	if got := eval[string](p, focused); got != "choose-klarna" {
		t.Fatalf("the arrow leads to %q", got)
	}
	p.tabTo("Pay with Klarna")
	w := p.window(func() { p.keys(kb.Enter) })
	w.see("button[value=approve]")
	w.tabTo("approve")
	_, _ = chromedp.Run(w.ctx, chromedp.KeyEvent(kb.Enter)) // the window closes
	p.confirmed(a, price)
}

// tabTo presses the Tab key until something has the focus, which must be seen wherever it is on the
// way.
func (p *page) tabTo(name string) {
	p.t.Helper()
	var way []string
	for range 30 {
		p.keys(kb.Tab)
		at := eval[string](p, focused)
		way = append(way, at)
		if unseen, ok := strings.CutPrefix(at, "invisible "); ok {
			p.t.Errorf("nobody sees that %s has the focus", unseen)
		}
		if at == name {
			return
		}
	}
	p.t.Fatalf("the keyboard does not reach %s: %q", name, way)
}
