package flow_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
)

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"partner_account_id":"a","amount":11800,"currency":"EUR","payment_transaction_reference":"r","approved_amount":1,`+
		`"begun_at":"2026-01-02T03:04:05.000000006Z","unreported":[{"number":1,"from":"BEGUN","to":"DECLINED","at":"2026-01-02T03:04:05Z","reason":"R"}]}`), []byte("sealed"))
	f.Add([]byte(`{"amount":1e3,"tries":-1,"cancel_cause":"x"}`), []byte{})
	f.Add([]byte(`{"amount":1,"amount":2}`), bytes.Repeat([]byte{7}, 64))
	f.Add([]byte(`[]`), []byte(nil))
	f.Fuzz(func(t *testing.T, data, sealed []byte) {
		if text, err := flow.Unsealed(klarna.NewSecret(sealSecret), flow.Record{ID: orderID, Sealed: sealed}); err == nil {
			t.Fatalf("an invalid seal was opened: %s", text)
		}
		once, err := flow.Recode(flow.Record{ID: orderID, State: flow.StateBegun, Version: 1, Data: data})
		if err != nil {
			if len(data) > 20 && strings.Contains(err.Error(), string(data)) {
				t.Fatalf("the error quotes the record: %v", err)
			}
			return
		}
		again, err := flow.Recode(once)
		if err != nil || !bytes.Equal(once.Data, again.Data) {
			t.Fatalf("%s becomes %s, %v", once.Data, again.Data, err)
		}
	})
}
