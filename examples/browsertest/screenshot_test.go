package browsertest

import "testing"

func TestScreenshots(t *testing.T) {
	for device, size := range map[string][2]int64{"desktop": {1280, 800}, "phone": {390, 844}} {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(device+" "+scheme, func(t *testing.T) {
				p, a := play(t)
				p.resize(size[0], size[1])
				p.setColorScheme(scheme)
				shoot := func(on *page, what string) { on.shoot(what + "-" + device + "-" + scheme) }
				p.goTo(a.URL)
				shoot(p, "cart")
				p.click("main button")
				p.see("#klarna")
				p.chooseKlarna()
				p.until(`document.querySelector(".journey ol").textContent.includes("SHOW_KLARNA")`)
				shoot(p, "checkout")
				at := p
				if device == "desktop" {
					at = p.window(func() { p.click(klarnaButton) })
					at.setColorScheme(scheme)
					at.resize(520, 820)
				} else {
					p.click(klarnaButton)
				}
				at.see("button[value=approve]")
				shoot(at, "purchase")
				at.decide("approve")
				p.confirmed(a, price)
				p.until(`document.querySelector(".journey ol").textContent.includes("200 PAID")`)
				shoot(p, "confirmation")
			})
		}
	}
}
