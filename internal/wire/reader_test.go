package wire_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/wire"
)

func TestReaderReadsEveryKindOfValue(t *testing.T) {
	const text = ` { "name" : "a\u00e5\"b" , "state":"OPEN","token":"s","live":true,"count":-9007199254740993,"price":0,"rate":2.5,
		"at":"2026-01-02T05:04:05+02:00","echo":[1, {"a":null}],"tags":["x",""],"lines":[{"name":"1"},{}],"inner":{"inner":{"name":"deep"}},
		"rows":[[1,2],[]],"new\n":{"b": 1.0} } `
	var got order
	misfits, err := wire.Into(&got, (*order).decode).Decode([]byte(text))
	if err != nil || misfits != nil {
		t.Fatal(misfits, err)
	}
	want := order{
		Name: "aå\"b", State: "OPEN", Token: redact.NewSecret("s"), Live: true, Count: -9007199254740993, Price: new(int64), Rate: 2.5,
		At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Echo: raw(`[1, {"a":null}]`), Tags: []string{"x", ""},
		Lines: []order{{Name: "1"}, {}}, Inner: &order{Inner: &order{Name: "deep"}}, Rows: [][]int64{{1, 2}, {}},
		Unknown: redact.Unknown{"new\n": raw(`{"b": 1.0}`)},
	}
	if diff := diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReaderIsLiberal(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		text string
		want order
	}{
		"a byte order mark":                       {"\ufeff" + `{"name":"a"}`, order{Name: "a"}},
		"white space around":                      {"\r\n\t {\"name\" \n:\t\"a\"\r} \n", order{Name: "a"}},
		"null":                                    {`null`, order{}},
		"null in every member":                    {`{"name":null,"state":null,"token":null,"live":null,"count":null,"price":null,"rate":null,"at":null,"tags":null,"lines":null,"inner":null,"rows":null}`, order{}},
		"null as raw JSON":                        {`{"echo":null}`, order{Echo: raw(`null`)}},
		"null as an unknown member":               {`{"new":null}`, order{Unknown: redact.Unknown{"new": raw(`null`)}}},
		"null in lists":                           {`{"tags":[null,"x"],"lines":[null],"rows":[null,[null]]}`, order{Tags: []string{"", "x"}, Lines: []order{{}}, Rows: [][]int64{nil, {0}}}},
		"lists without elements":                  {`{"tags":[],"lines":[ ],"rows":[]}`, order{Tags: []string{}, Lines: []order{}, Rows: [][]int64{}}},
		"a byte that is not UTF-8":                {"{\"name\":\"a\xffb\"}", order{Name: "a\ufffdb"}},
		"a cut rune":                              {"{\"name\":\"\xf0\x9f\x9b\"}", order{Name: "\ufffd\ufffd\ufffd"}},
		"a byte that is not UTF-8 behind escapes": {"{\"name\":\"\\n\xff\\u00e5\"}", order{Name: "\n\ufffdå"}},
		"the first half of a surrogate pair":      {`{"name":"shirt \ud83d"}`, order{Name: "shirt \ufffd"}},
		"the second half of a surrogate pair":     {`{"name":"\ude00 x"}`, order{Name: "\ufffd x"}},
		"halves in the wrong order":               {`{"name":"\ude00\ud83d"}`, order{Name: "\ufffd\ufffd"}},
		"a surrogate pair":                        {`{"name":"\ud83d\ude00"}`, order{Name: "\U0001F600"}},
		"an escaped name":                         {`{"n\u0061me":"a"}`, order{Name: "a"}},
		"a name that is not UTF-8":                {"{\"\xff\":1,\"name\":\"a\"}", order{Name: "a", Unknown: redact.Unknown{"\ufffd": raw(`1`)}}},
		"a name with half a surrogate pair":       {`{"\ud83d":1}`, order{Unknown: redact.Unknown{"\ufffd": raw(`1`)}}},
		"an empty name":                           {`{"":1}`, order{Unknown: redact.Unknown{"": raw(`1`)}}},
		"a name in other letters is unknown":      {`{"Name":"a"}`, order{Unknown: redact.Unknown{"Name": raw(`"a"`)}}},
		"unknown bytes stay as they came":         {"{\"new\":\"a\xff\\ud83d\"}", order{Unknown: redact.Unknown{"new": raw("\"a\xff\\ud83d\"")}}},
		"raw JSON stays as it came":               {"{\"echo\":{ \"a\" : 1.50,\"a\":\"\xff\" }}", order{Echo: raw("{ \"a\" : 1.50,\"a\":\"\xff\" }")}},
		"a whole number with a fraction":          {`{"count":1000.0}`, order{Count: 1000}},
		"a whole number with an exponent":         {`{"count":1e3}`, order{Count: 1000}},
		"a whole number in a string":              {`{"count":"1000"}`, order{Count: 1000}},
		"a number in an escaped string":           {`{"count":"\u0031e3"}`, order{Count: 1000}},
		"a zero behind a pointer":                 {`{"price":"0.0"}`, order{Price: new(int64)}},
		"a rate in a string":                      {`{"rate":"2.5e-1"}`, order{Rate: 0.25}},
		"a state in small letters":                {`{"state":"in_Progress"}`, order{State: "IN_PROGRESS"}},
		"an unknown state stays as it is":         {`{"state":"paused"}`, order{State: "paused"}},
		"a state in another alphabet":             {`{"state":"ÖPEN"}`, order{State: "ÖPEN"}},
		"a secret that was left out":              {`{"token":"[redacted]"}`, order{}},
		"an empty secret":                         {`{"token":""}`, order{}},
		"a time without seconds":                  {`{"at":"2026-01-02T03:04Z"}`, order{At: at}},
		"a time without a zone":                   {`{"at":"2026-01-02T03:04"}`, order{At: at}},
		"an empty time":                           {`{"at":""}`, order{}},
		"a member after one that did not fit":     {`{"echo":{"a":1},"name":"a"}`, order{Name: "a", Echo: raw(`{"a":1}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			got := full() // its previous content must not remain
			misfits, err := wire.Into(&got, (*order).decode).Decode([]byte(test.text))
			if err != nil || len(misfits) > 0 {
				t.Errorf("misfits %v, error %v", misfits, err)
			}
			if diff := diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A value of each kind is read into a member of each kind. It either fits, or is reported and kept.
func TestMembersOfAnotherTypeAreKept(t *testing.T) {
	found := map[string]string{
		`true`: "a boolean", `7`: "a number", `1.5`: "a number", `1e99`: "a number", `"x"`: "a string", "\"\xff\"": "a string", `"1,5"`: "a string",
		`[1]`: "an array", `[[]]`: "an array", `{"a":1}`: "an object", `{}`: "an object",
	}
	fits := map[string][]string{
		"name":  {`"x"`, "\"\xff\"", `"1,5"`},
		"state": {`"x"`, "\"\xff\"", `"1,5"`},
		"token": {`"x"`, "\"\xff\"", `"1,5"`},
		"live":  {`true`},
		"count": {`7`},
		"price": {`7`},
		"rate":  {`7`, `1.5`, `1e99`},
		"at":    {},
		"echo":  {`true`, `7`, `1.5`, `1e99`, `"x"`, "\"\xff\"", `"1,5"`, `[1]`, `[[]]`, `{"a":1}`, `{}`},
		"tags":  {},
		"lines": {},
		"inner": {`{"a":1}`, `{}`},
		"rows":  {`[[]]`},
	}
	tried := 0
	for member, fitting := range fits {
		for value, kind := range found {
			t.Run(member+" "+value, func(t *testing.T) {
				tried++
				text := fmt.Sprintf(`{"count":1,"inner":{"lines":[{"name":"before"},{%q:%s,"tags":["after"]}]}}`, member, value)
				if member == "tags" {
					text = strings.Replace(text, `"tags":["after"]`, `"new":1`, 1)
				}
				var got order
				misfits, err := wire.Into(&got, (*order).decode).Decode([]byte(text))
				if err != nil {
					t.Fatal(err)
				}
				var want []wire.Misfit
				line := got.Inner.Lines[1]
				_, kept := line.Unknown[member]
				if !strings.Contains(strings.Join(fitting, "\n")+"\n", value+"\n") {
					want = []wire.Misfit{{Path: "inner.lines[1]." + member, Found: kind}}
					if string(line.Unknown[member].Bytes()) != value {
						t.Errorf("kept %s", line.Unknown[member].Bytes())
					}
				} else if kept {
					t.Error("it was kept")
				}
				if diff := cmp.Diff(want, misfits); diff != "" {
					t.Errorf("misfits (-want +got):\n%s", diff)
				}
				if got.Count != 1 || got.Inner.Lines[0].Name != "before" || member != "tags" && len(line.Tags) != 1 {
					t.Errorf("it cost others: %+v", got)
				}
			})
		}
	}
	t.Logf("%d values tried", tried)
}

func TestMisfitsAreReportedWithTheirPath(t *testing.T) {
	for name, test := range map[string]struct {
		text    string
		want    order
		misfits []wire.Misfit
	}{
		"an element of a list spoils the list": {
			`{"tags":["x",1,{"a":[]},"y"],"name":"a"}`,
			order{Name: "a", Unknown: redact.Unknown{"tags": raw(`["x",1,{"a":[]},"y"]`)}},
			[]wire.Misfit{{Path: "tags", Found: "an array"}},
		},
		"the last element of a list spoils it": {
			`{"tags":["x",1]}`, order{Unknown: redact.Unknown{"tags": raw(`["x",1]`)}}, []wire.Misfit{{Path: "tags", Found: "an array"}},
		},
		"an element of a nested list spoils both": {
			`{"rows":[[1],[2,true,3],[4]],"count":5}`,
			order{Count: 5, Unknown: redact.Unknown{"rows": raw(`[[1],[2,true,3],[4]]`)}}, []wire.Misfit{{Path: "rows", Found: "an array"}},
		},
		"an object in a list keeps its own misfit": {
			`{"lines":[{"count":"many"},{"count":2}]}`,
			order{Lines: []order{{Unknown: redact.Unknown{"count": raw(`"many"`)}}, {Count: 2}}},
			[]wire.Misfit{{Path: "lines[0].count", Found: "a string"}},
		},
		"several, in their order": {
			`{"count":[],"inner":{"live":"yes"},"at":"soon"}`,
			order{
				Inner:   &order{Unknown: redact.Unknown{"live": raw(`"yes"`)}},
				Unknown: redact.Unknown{"count": raw(`[]`), "at": raw(`"soon"`)},
			},
			[]wire.Misfit{{Path: "count", Found: "an array"}, {Path: "inner.live", Found: "a string"}, {Path: "at", Found: "a string"}},
		},
		"a repeated name: the first counts": {
			`{"name":"a","name":"b","name":"c"}`, order{Name: "a"},
			[]wire.Misfit{{Path: "name", Found: "a string", Repeated: true}, {Path: "name", Found: "a string", Repeated: true}},
		},
		"a repeated name of another type": {
			`{"name":"a","name":{}}`, order{Name: "a"}, []wire.Misfit{{Path: "name", Found: "an object", Repeated: true}},
		},
		"a repeated name after one that did not fit": {
			`{"name":7,"name":"b"}`, order{Unknown: redact.Unknown{"name": raw(`7`)}},
			[]wire.Misfit{{Path: "name", Found: "a number"}, {Path: "name", Found: "a string", Repeated: true}},
		},
		"a repeated name after null": {
			`{"name":null,"name":"b"}`, order{}, []wire.Misfit{{Path: "name", Found: "a string", Repeated: true}},
		},
		"a repeated name that was escaped": {
			`{"name":"a","n\u0061me":"b"}`, order{Name: "a"}, []wire.Misfit{{Path: "name", Found: "a string", Repeated: true}},
		},
		"a repeated object": {
			`{"inner":{"name":"a"},"inner":{"name":"b","count":1}}`, order{Inner: &order{Name: "a"}},
			[]wire.Misfit{{Path: "inner", Found: "an object", Repeated: true}},
		},
		"a repeated name at depth": {
			`{"inner":{"lines":[{},{"count":1,"count":2}]},"name":"a"}`,
			order{Name: "a", Inner: &order{Lines: []order{{}, {Count: 1}}}},
			[]wire.Misfit{{Path: "inner.lines[1].count", Found: "a number", Repeated: true}},
		},
		"the same name in an object and around it": {
			`{"name":"a","inner":{"name":"b"},"count":1}`, order{Name: "a", Count: 1, Inner: &order{Name: "b"}}, nil,
		},
		"a repeated name around another object": {
			`{"rows":[],"inner":{"rows":[],"name":"b"},"rows":[[1]]}`, order{Rows: [][]int64{}, Inner: &order{Name: "b", Rows: [][]int64{}}},
			[]wire.Misfit{{Path: "rows", Found: "an array", Repeated: true}},
		},
		"a repeated unknown name": {
			`{"new":1,"new":{}}`, order{Unknown: redact.Unknown{"new": raw(`1`)}},
			[]wire.Misfit{{Path: "new", Found: "an object", Repeated: true}},
		},
		"a repeated name that is empty": {
			`{"inner":{"":1,"":2}}`, order{Inner: &order{Unknown: redact.Unknown{"": raw(`1`)}}},
			[]wire.Misfit{{Path: "inner.?", Found: "a number", Repeated: true}},
		},
		"a repeated name that is a number": {
			`{"inner":{"5":1,"5":2},"5":1,"5":2}`,
			order{Inner: &order{Unknown: redact.Unknown{"5": raw(`1`)}}, Unknown: redact.Unknown{"5": raw(`1`)}},
			[]wire.Misfit{{Path: "inner.?", Found: "a number", Repeated: true}, {Path: "?", Found: "a number", Repeated: true}},
		},
		"a repeated name with a slash": {
			`{"inner":{"a/name":1,"a/name":2}}`, order{Inner: &order{Unknown: redact.Unknown{"a/name": raw(`1`)}}},
			[]wire.Misfit{{Path: "inner.?", Found: "a number", Repeated: true}},
		},
		"two names that are not UTF-8 and read the same": {
			"{\"\xff\":1,\"\xfe\":2}", order{Unknown: redact.Unknown{"\ufffd": raw(`1`)}},
			[]wire.Misfit{{Path: "?", Found: "a number", Repeated: true}},
		},
		"a name of the body's is not shown": {
			`{"Ada Lovelace":1,"Ada Lovelace":2}`, order{Unknown: redact.Unknown{"Ada Lovelace": raw(`1`)}},
			[]wire.Misfit{{Path: "?", Found: "a number", Repeated: true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got order
			misfits, err := wire.Into(&got, (*order).decode).Decode([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.misfits, misfits); diff != "" {
				t.Errorf("misfits (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInvalidJSONIsAnError(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"nothing":                       {``, "invalid JSON (it ends too early) at byte 0"},
		"white space":                   {` `, "invalid JSON (it ends too early) at byte 1"},
		"a byte order mark alone":       {"\ufeff", "invalid JSON (it ends too early) at byte 0"},
		"two byte order marks":          {"\ufeff\ufeff{}", "invalid JSON (syntax) at byte 0"},
		"a word":                        {`nope`, "invalid JSON (syntax) at byte 1"},
		"an object that does not end":   {`{"name":"a"`, "invalid JSON (it ends too early) at byte 11"},
		"an array that does not end":    {`{"tags":["x"`, "invalid JSON (it ends too early) at byte 12"},
		"an array that is closed by }":  {`{"rows":[1}`, "invalid JSON (syntax) at byte 10"},
		"a string that does not end":    {`{"name":"a`, "invalid JSON (it ends too early) at byte 10"},
		"a second value":                {`{} {}`, "invalid JSON (syntax) at byte 3"},
		"a value of another kind after": {`{}x`, "invalid JSON (syntax) at byte 2"},
		"a name without a value":        {`{"name"}`, "invalid JSON (syntax) at byte 7"},
		"a comma too many":              {`{"name":"a",}`, "invalid JSON (syntax) at byte 11"},
		"a comma too few":               {`{"tags":["x" "y"]}`, "invalid JSON (syntax) at byte 13"},
		"a control character":           {"{\"name\":\"\n\"}", "invalid JSON (syntax) at byte 9"},
		"an escape that does not exist": {`{"name":"\x"}`, "invalid JSON (syntax) at byte 9"},
		"a number with a plus sign":     {`{"count":+1}`, "invalid JSON (syntax) at byte 9"},
		"a number with a leading zero":  {`{"count":01}`, "invalid JSON (syntax) at byte 10"},
		"broken JSON in what is kept":   {`{"new":{"a":[1,]}}`, "invalid JSON (syntax) at byte 15"},
		"broken JSON in a misfit":       {`{"name":[1,{]}`, "invalid JSON (syntax) at byte 12"},
		"an array for the whole":        {`[]`, "the JSON is an array"},
		"a string for the whole":        {`"Ada"`, "the JSON is a string"},
		"a broken array for the whole":  {`[1,]`, "invalid JSON (syntax) at byte 3"},
		"text behind an array":          {`[] x`, "the JSON is an array"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wire.Into(new(order), (*order).decode).Decode([]byte(test.text))
			if e, ok := errors.AsType[*wire.Error](err); !ok || e.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestMembersAreReadWithoutAnObject(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1,"b":"x","c":[{"a":2}],"b":"y"}`: "xy", `null`: "", `{}`: "",
	} {
		var got string
		misfits, err := wire.Read([]byte(text), func(r *wire.Reader) bool {
			return r.Members(func(name []byte) bool {
				if string(name) != "b" {
					return r.Skip()
				}
				var s string
				fits := wire.ReadText(&s, r)
				got += s
				return fits
			})
		})
		if err != nil || len(misfits) > 0 || got != want {
			t.Errorf("%s: %q, %v, %v", text, got, misfits, err)
		}
	}
}

func TestReadRawOfKeepsTheText(t *testing.T) {
	for _, test := range []struct {
		text, raw string
		fits      bool
	}{
		{`{"a" : {"name": "x"} , "c":2}`, `{"name": "x"}`, true},
		{`{"c":[1] ,"a":{"name":7}}`, `{"name":7}`, true}, // a misfit inside
		{`{"a":null}`, `null`, true},
		{`{"a":[ ]}`, `[ ]`, false},
		{`{"a":"x"}`, `"x"`, false},
	} {
		var kept redact.RawJSON
		var fits bool
		if _, err := wire.Read([]byte(test.text), func(r *wire.Reader) bool {
			return r.Members(func(name []byte) bool {
				if string(name) != "a" {
					return r.Skip()
				}
				fits = wire.ReadRawOf(&kept, r, func() bool { return new(order).decode(r) })
				return true
			})
		}); err != nil || string(kept.Bytes()) != test.raw || fits != test.fits {
			t.Errorf("%s: %s, %t, %v", test.text, kept.Bytes(), fits, err)
		}
		if len(kept.Bytes()) != cap(kept.Bytes()) {
			t.Errorf("%s: appending to %s would write over what follows", test.text, kept.Bytes())
		}
	}
}

func TestIsStringConsumesNothing(t *testing.T) {
	for text, want := range map[string]bool{`"x"`: true, `{"name":"x"}`: false, ` [1]`: false, `null`: false} {
		var is bool
		if _, err := wire.Read([]byte(text), func(r *wire.Reader) bool {
			is = r.IsString()
			return r.Skip()
		}); err != nil || is != want {
			t.Errorf("%s: %t, %v", text, is, err)
		}
	}
}

func TestUnmarshalKeepsItsOwnCopy(t *testing.T) {
	text := []byte(`{"echo":{"a":1},"name":"long enough to be no copy of its own"}`)
	var got order
	if err := wire.Unmarshal(text, &got, (*order).decode); err != nil {
		t.Fatal(err)
	}
	clear(text)
	if string(got.Echo.Bytes()) != `{"a":1}` || !strings.HasPrefix(got.Name, "long") {
		t.Errorf("%s, %q", got.Echo.Bytes(), got.Name)
	}
}

func TestResultsOutliveTheReader(t *testing.T) {
	var readers sync.WaitGroup
	for i := range 8 {
		readers.Go(func() {
			want := strings.Repeat(strconv.Itoa(i), 90)
			var kept []order
			for range 200 {
				var o order
				if _, err := wire.Into(&o, (*order).decode).Decode([]byte(`{"name":"` + want + `","tags":["` + want + `","` + want + want + `"]}`)); err != nil {
					t.Error(err)
				}
				kept = append(kept, o)
			}
			for _, o := range kept {
				if o.Name != want || o.Tags[0] != want || o.Tags[1] != want+want {
					t.Errorf("it is %q now", o.Name)
				}
			}
		})
	}
	readers.Wait()
}

func TestReusedReaderForgetsItsText(t *testing.T) {
	for range 100 {
		if _, err := wire.Into(new(order), (*order).decode).Decode([]byte(`{"name":7,"name":8,"inner":{"name":`)); err == nil {
			t.Fatal("it was read")
		}
		var got order
		if misfits, err := wire.Into(&got, (*order).decode).Decode([]byte(`{"name":"a"}`)); err != nil || len(misfits) > 0 || got.Name != "a" {
			t.Fatal(got.Name, misfits, err)
		}
	}
}

func TestTimesAreReadInEveryForm(t *testing.T) {
	at := time.Date(2025, 6, 24, 5, 51, 7, 0, time.UTC)
	minute, hour, day := at.Add(-7*time.Second), time.Date(2025, 6, 24, 5, 0, 0, 0, time.UTC), time.Date(2025, 6, 24, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		`"2025-06-24T05:51:07Z"`: at, `"2025-06-24T05:51:07z"`: at, `"2025-06-24t05:51:07Z"`: at, `"2025-06-24 05:51:07Z"`: at, `" 2025-06-24T05:51:07Z "`: at,
		`"2025-06-24T07:51:07+02:00"`: at, `"2025-06-24T07:51:07+0200"`: at, `"2025-06-24T07:51:07+02"`: at, `"2025-06-24T05:51:07"`: at,
		`"2025-06-24T05:51:07.000Z"`: at, `"2025-06-24T05:51:07.123456789Z"`: at.Add(123456789), `"2025-06-24T05:51:07,5Z"`: at.Add(5e8),
		`"2025-06-24T05:51Z"`: minute, `"2025-06-24T05:51"`: minute, `"2025-06-24T07:51+02:00"`: minute, `"2025-06-24T05Z"`: hour, `"2025-06-24"`: day,
		`"20250624T055107Z"`: at, `"20250624T0551"`: minute, `"20250624T075107+0200"`: at, `"2025\u002d06-24T05:51:07Z"`: at,
	} {
		var got time.Time
		misfits, err := wire.Read([]byte(text), func(r *wire.Reader) bool { return wire.ReadTime(&got, r) })
		if err != nil || misfits != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s is read as %s (%v)", text, got, err)
		}
		kept := struct {
			At time.Time `json:"at"`
		}{time.Now()}
		if err := wire.DecodeAny([]byte(`{"at":`+text+`}`), &kept); err != nil || !kept.At.Equal(want) {
			t.Errorf("%s is decoded as %s (%v)", text, kept.At, err)
		}
	}
	for _, text := range []string{
		`"tomorrow"`, `"2025-13-24T05:51:07Z"`, `"2025-02-30"`, `"9999-12-31T23:59:59-12:00"`, `"24.06.2025"`, `1767322800`, `{"seconds":1}`, `"2025-06-24T"`, `true`,
	} {
		got := order{At: at}
		misfits, err := wire.Into(&got, (*order).decode).Decode([]byte(`{"at":` + text + `}`))
		if err != nil || len(misfits) != 1 || misfits[0].Path != "at" || string(got.Unknown["at"].Bytes()) != text || !got.At.IsZero() {
			t.Errorf("%s: %s, %v, %v", text, got.At, misfits, err)
		}
	}
}
