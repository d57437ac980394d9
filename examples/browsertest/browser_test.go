package browsertest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/klarna-go/klarna-go/examples/hosted/app"
)

// patience is how long a page may take for what a test waits for. It is for a busy machine.
const patience = 30 * time.Second

// chromium is the one browser of all tests; each has a profile of its own in it.
var chromium struct {
	root context.Context //nolint:containedctx // chromedp keeps the browser in one
	err  error
}

func TestMain(m *testing.M) {
	path, err := lookUp()
	if err != nil {
		chromium.err = err
		os.Exit(m.Run())
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.WindowSize(1280, 800)}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox refuses root, which builds in containers are
	}
	root, end := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(options...), chromedp.WithErrorf(func(string, ...any) {}))
	chromium.root, chromium.err = root, chromedp.Do(root, chromedp.Navigate("about:blank"))
	code := m.Run()
	end()
	os.Exit(code)
}

func lookUp() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

// page is a tab, or a window that a tab has opened.
type page struct {
	t    *testing.T
	ctx  context.Context //nolint:containedctx // that of the tab, as chromedp has it
	wary *wary
}

// wary notes what a browser complains of.
type wary struct {
	mu         sync.Mutex
	complaints []string
	expected   []string
}

func (w *wary) note(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.expected {
		if strings.Contains(text, e) {
			return
		}
	}
	w.complaints = append(w.complaints, text)
}

// expect takes complaints with that text for part of the test.
func (p *page) expect(text string) {
	p.wary.mu.Lock()
	defer p.wary.mu.Unlock()
	p.wary.expected = append(p.wary.expected, text)
}

// play starts the hosted program and opens a tab, which is closed first.
func play(t *testing.T) (*page, *app.App) {
	t.Helper()
	a := start(t)
	return open(t), a
}

// open returns a tab with a profile of its own, as large as a desktop's. What the browser complains
// of, a Content-Security-Policy that was violated for one, fails the test.
func open(t *testing.T) *page {
	t.Helper()
	if chromium.err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("Chromium cannot be started: %v", chromium.err)
		}
		t.Skipf("no browser test: Chromium cannot be started: %v", chromium.err)
	}
	w := new(wary)
	p := attach(t, chromium.root, w, chromedp.WithNewBrowserContext())
	t.Cleanup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range w.complaints {
			t.Errorf("the browser says: %s", c)
		}
	})
	p.resize(1280, 800)
	return p
}

func attach(t *testing.T, parent context.Context, w *wary, option chromedp.ContextOption) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, option)
	t.Cleanup(cancel)
	p := &page{t: t, ctx: ctx, wary: w}
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *cdplog.EventEntryAdded:
			if e.Entry.Level == cdplog.EntryLevelError {
				w.note(e.Entry.Text + " " + e.Entry.URL)
			}
		case *runtime.EventExceptionThrown:
			text := e.ExceptionDetails.Text
			if e.ExceptionDetails.Exception != nil {
				text += " " + e.ExceptionDetails.Exception.Description
			}
			w.note(text + " " + e.ExceptionDetails.URL)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tab opens another tab of the same profile.
func (p *page) tab() *page {
	p.t.Helper()
	other := attach(p.t, p.ctx, p.wary, func(*chromedp.Context) {})
	other.resize(1280, 800)
	return other
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("%v\n%s", err, p.text())
	}
}

func (p *page) resize(width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height))
}

// setColorScheme sets what the customer prefers: "light" or "dark".
func (p *page) setColorScheme(scheme string) {
	p.t.Helper()
	params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, params); err != nil {
		p.t.Fatal(err)
	}
}

func (p *page) goTo(url string) { p.t.Helper(); p.do(chromedp.Navigate(url)) }

func (p *page) click(selector string) { p.t.Helper(); p.do(chromedp.Click(chromedp.CSS(selector))) }

func (p *page) keys(keys string) { p.t.Helper(); p.do(chromedp.KeyEvent(keys)) }

// see waits until an element is visible.
func (p *page) see(selector string) { p.t.Helper(); p.do(chromedp.WaitVisible(chromedp.CSS(selector))) }

// eval returns what a JavaScript expression is.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits for a JavaScript expression to become true, whatever page it is on by then.
func (p *page) until(expression string) {
	p.t.Helper()
	waitFor(p.t, func() string { return expression + "\n" + p.text() }, func() bool {
		value, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](`!!(`+expression+`)`))
		return err == nil && value
	})
}

// waitFor waits until a condition holds that somebody else brings about.
func waitFor(t *testing.T, what func() string, holds func() bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	end := time.NewTimer(patience)
	defer end.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-end.C:
			t.Fatalf("in vain: %s", what())
		}
	}
}

// text is what the page says, for messages.
func (p *page) text() string {
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

// window does what opens a window, and returns that.
func (p *page) window(open func()) *page {
	p.t.Helper()
	opened := chromedp.WaitNewTarget(p.ctx, func(i *target.Info) bool { return i.OpenerID != "" })
	open()
	select {
	case id := <-opened:
		return attach(p.t, p.ctx, p.wary, chromedp.WithTargetID(id))
	case <-time.After(patience):
		p.t.Fatalf("no window opens\n%s", p.text())
		return nil
	}
}

// windows are those that the page has opened and that are there still.
func (p *page) windows() int {
	p.t.Helper()
	all, err := chromedp.Targets(p.ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	n := 0
	for _, i := range all {
		if i.Type == "page" && i.OpenerID == chromedp.FromContext(p.ctx).Target.TargetID {
			n++
		}
	}
	return n
}

// shoot keeps a picture of the page.
func (p *page) shoot(name string) {
	p.t.Helper()
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	folder := cmp.Or(os.Getenv("ARTIFACTS"), p.t.ArtifactDir())
	if err := os.MkdirAll(folder, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// start starts the hosted program.
func start(t *testing.T) *app.App {
	t.Helper()
	a, err := app.Start(t.Context(), app.Config{Addr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := a.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return a
}

// checkout goes to the checkout page, by way of the cart.
func (p *page) checkout(a *app.App) {
	p.t.Helper()
	p.goTo(a.URL)
	p.click("main button")
	p.see("#klarna")
}

const klarnaButton = "[data-part=paymentButton] > *"

func (p *page) chooseKlarna() { p.t.Helper(); p.click("label[for=choose-klarna]"); p.see(klarnaButton) }

// payWithKlarna chooses Klarna and returns the window in which the payment goes on.
func (p *page) payWithKlarna() *page {
	p.t.Helper()
	p.chooseKlarna()
	w := p.window(func() { p.click(klarnaButton) })
	w.see("button[value=approve]")
	return w
}

// decide presses a button of the payment. The window may be gone before the browser says that it
// was pressed.
func (p *page) decide(what string) {
	p.t.Helper()
	p.see("button[value=" + what + "]")
	_, _ = chromedp.Run(p.ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("button[value=`+what+`]").click()`))
}

// confirmed waits for the shop's confirmation, and checks that there is one transaction of the
// amount.
func (p *page) confirmed(a *app.App, amount int64) {
	p.t.Helper()
	p.until(`document.querySelector("h1")?.textContent === "Thank you for your order"`)
	if got, want := eval[string](p, `location.origin`), a.URL; got != want {
		p.t.Errorf("the confirmation is at %s and not at the shop", got)
	}
	if got, want := eval[string](p, `document.querySelector("tfoot td").textContent`), fmt.Sprintf("€%d.%02d", amount/100, amount%100); got != want {
		p.t.Errorf("the customer is told to have paid %s, want %s", got, want)
	}
	transactions := a.Klarna.Transactions()
	if len(transactions) != 1 || transactions[0].Amount != amount || transactions[0].State != "AUTHORIZED" {
		p.t.Errorf("transactions: %+v", transactions)
	}
	waitFor(p.t, func() string { return "windows are left open" }, func() bool { return p.windows() == 0 })
}
