package operation

import "testing"

func TestLinksMustBeHTTPSOrLoopback(t *testing.T) {
	for link, want := range map[string]bool{
		"":                               true,
		"https://pay.klarna.com/a?b=c_d": true,
		"HTTPS://pay.klarna.com/%7Ba%7D": true,
		"https://pay.klarna.com:8443/#x": true,
		"http://localhost:8080/a":        true,
		"http://127.0.0.1/a":             true,
		"http://[::1]:80/a":              true,
		"http://pay.klarna.com/a":        false,
		"http://127.0.0.1.evil.com/a":    false,
		"http://localhost.evil.com/a":    false,
		"javascript:alert(1)":            false,
		"JavaScript:alert(1)":            false,
		"data:text/html,x":               false,
		"//pay.klarna.com/a":             false,
		"https://":                       false,
		"https:///a":                     false,
		"https:pay.klarna.com":           false,
		" https://pay.klarna.com":        false,
		"java\nscript:alert(1)":          false,
		"klarna://pay":                   false,
	} {
		if got := isLink(link); got != want {
			t.Errorf("%q: %t, want %t", link, got, want)
		}
	}
}

func TestMisfitOfAParentConcernsItsMembers(t *testing.T) {
	for _, test := range []struct {
		misfit, path string
		want         bool
	}{
		{"a", "a", true},
		{"a", "a.b", true},
		{"a[2]", "a[].b", true},
		{"a[2].b", "a[].b", true},
		{"a.b", "a", false},
		{"a.c", "a.b", false},
		{"ab", "a", false},
		{"", "a", false},
	} {
		if got := leadsTo(test.misfit, test.path); got != test.want {
			t.Errorf("%q leads to %q: %t", test.misfit, test.path, got)
		}
	}
}
