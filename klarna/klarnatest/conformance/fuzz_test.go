package conformance

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func FuzzJSONPath(f *testing.F) {
	f.Add([]byte(`{"a":[{"b":1},{"b":null}]}`), "a.*.b")
	f.Add([]byte(`[[1,2],[3]]`), "*.0")
	f.Add([]byte(`{"":{"":1}}`), ".")
	f.Add([]byte(`[1]`), "-0")
	f.Add([]byte(`{"a":1}`), "")
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		value, err := readJSON(body)
		if err != nil {
			return
		}
		found := at(value, path)
		if slices.Contains(found, nil) {
			t.Errorf("%q has null at %q", body, path)
		}
		x := newExchange(200, nil, body)
		for _, c := range []check{
			member(path).exists(), member(path).isAbsent(), member(path).is("x", 1), member(path).looksLike(aTimestamp), member(path).isOfKind(aList),
			member(path).spansFrom(path, 0),
		} {
			if _, err := c.fault(x, vars{}); err != nil {
				t.Errorf("%q at %q: %v", body, path, err)
			}
		}
		if fault, _ := member(path).exists().fault(x, nil); (fault == "") != (len(found) > 0) {
			t.Errorf("%q has %v at %q, and the check says %q", body, found, path, fault)
		}
		if fault, _ := member(path).isAbsent().fault(x, nil); (fault == "") != (len(found) == 0) {
			t.Errorf("%q has %v at %q, and the check says %q", body, found, path, fault)
		}
	})
}

// FuzzTemplate inserts arbitrary values from a host. A value must stay in its place.
func FuzzTemplate(f *testing.F) {
	f.Add("payment/requests/${id}/x", "krn:a:b")
	f.Add("${id}${id}", "${id}")
	f.Add("a${", "/../")
	f.Add("${id", "?x#y")
	f.Fuzz(func(t *testing.T, template, value string) {
		known := vars{"id": value}
		if got, err := known.expand("a/${id}/b?c", inPath); err == nil {
			u, err := url.Parse("http://h/" + got)
			if err != nil || u.Path != "/a/"+value+"/b" || u.RawQuery != "c" || u.Fragment != "" {
				t.Errorf("%q makes the path %q: %v", value, got, err)
			}
		}
		got, err := known.expand("a=${id}&b=c", inQuery)
		if err != nil {
			t.Fatal(err)
		}
		if q, err := url.ParseQuery(got); err != nil || q.Get("a") != value || q.Get("b") != "c" {
			t.Errorf("%q makes the query %q: %v", value, got, err)
		}
		if got, err := known.expand(template, verbatim); err == nil && !strings.Contains(template, "${") && got != template {
			t.Errorf("%q without a variable became %q", template, got)
		}
		if got, err := known.fill(object{"a": list{"${id}"}}); err != nil || got.(object)["a"].(list)[0] != value {
			t.Errorf("%q became %v: %v", value, got, err)
		}
	})
}

func FuzzReadReport(f *testing.F) {
	var text strings.Builder
	if err := sample().WriteJSON(&text); err != nil {
		f.Fatal(err)
	}
	f.Add(text.String())
	f.Add(`{"results":[{}]}`)
	f.Add(`{"results":[{"outcome":"a","expected":"ab","certainty":"likely","verdict":"turned out"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ReadReport(strings.NewReader(text))
		if err != nil {
			return
		}
		var out strings.Builder
		if err := r.WriteText(&out); err != nil {
			t.Fatal(err)
		}
		if err := WriteDrift(&out, Diff(r, sample())); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsRune(out.String(), '\x1b') {
			t.Errorf("an escape reaches the terminal: %q", out.String())
		}
	})
}
