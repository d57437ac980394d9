package conformance

func presentationCases() []Case {
	const (
		base   = "GET payment/presentation?currency=${currency}&locale=${locale}"
		pay    = "&amount=1000&intents%5B%5D=PAY"
		weekly = base + "&amount=1000&intents%5B%5D=SUBSCRIBE&subscription_billing_interval=WEEK"
	)
	shown := func(turns []variant) []step {
		return []step{{call: present, given: checks{status(200)}, variants: turns}}
	}
	asked := func(call string, turns []variant) []step { return []step{{call: call, variants: turns}} }
	works := func(call string) []step {
		return []step{{call: call, want: checks{status(200), member("instruction").exists()}}}
	}
	// textual are the forms of a Text.
	textual := func(name string) []variant {
		path := "payment_option." + name
		return []variant{
			{name: "text", when: checks{member(path + ".text").isOfKind(aString)}},
			{name: "parts", when: checks{member(path + ".parts.0.text").isOfKind(aString), member(path+".parts.0.type").is("TEXT", "LINK")}},
			{name: "parts, in another form", when: checks{member(path + ".parts").exists()}},
			{name: "a bare string", when: checks{member(path).isOfKind(aString)}},
			{name: "absent", when: checks{member(path).isAbsent()}},
		}
	}
	option := member("payment_option.payment_option_id")
	cases := []Case{
		{
			Name: "the instruction is one of the four", Section: presentation, Certainty: CertaintySure,
			steps: []step{{call: present, want: checks{
				status(200), member("instruction").is("SHOW_KLARNA", "PRESELECT_KLARNA", "SHOW_ONLY_KLARNA", "HIDE_KLARNA"),
			}}},
		},
		{
			Name: "the payment status requires an action of the customer", Section: presentation, Certainty: CertaintyLikely,
			steps: shown(known(member("payment_status"), "REQUIRES_CUSTOMER_ACTION", "PENDING_PARTNER_AUTHORIZATION")),
		},
		{
			Name: "the presentation has a payment option with an id", Section: presentation, Certainty: CertaintyLikely,
			steps: shown([]variant{
				{name: "a string", when: checks{option.isOfKind(aString)}},
				{name: "an option without an id", when: checks{member("payment_option").exists()}},
				{name: "no option, with the instruction to hide", when: checks{member("instruction").is("HIDE_KLARNA"), member("payment_option").isAbsent()}},
				{name: "no option", when: checks{member("payment_option").isAbsent()}},
			}),
		},
		{
			Name: "the payment button has a text", Section: presentation, Certainty: CertaintyLikely,
			steps: shown([]variant{
				{name: "a string", when: checks{member("payment_option.payment_button.text").isOfKind(aString)}},
				{name: "an object", when: checks{member("payment_option.payment_button.text").isOfKind(anObject)}},
				{name: "absent", when: checks{member("payment_option.payment_button.text").isAbsent()}},
			}),
		},
		{
			Name: "the icon has an image", Section: presentation, Certainty: CertaintyLikely,
			steps: shown([]variant{
				{name: "rectangle_image_url", when: checks{member("payment_option.icon.rectangle_image_url").looksLike(webAddress)}},
				{name: "square_image_url", when: checks{member("payment_option.icon.square_image_url").looksLike(webAddress)}},
				{name: "badge_image_url", when: checks{member("payment_option.icon.badge_image_url").looksLike(webAddress)}},
				{name: "an icon without an image", when: checks{member("payment_option.icon").exists()}},
				{name: "absent", when: checks{member("payment_option.icon").isAbsent()}},
			}),
		},
		{
			Name: "a presentation without a currency is refused", Section: presentation, Certainty: CertaintySure,
			steps: []step{{call: "GET payment/presentation?locale=${locale}" + pay, want: refused("VALIDATION_ERROR")}},
		},
		{
			Name: "a presentation to pay without an amount is refused", Section: presentation, Certainty: CertaintySure,
			steps: []step{{call: base + "&intents%5B%5D=PAY", want: refused("VALIDATION_ERROR")}},
		},
		{
			Name: "a presentation without a locale is refused", Section: presentation, Certainty: CertaintyLikely,
			steps: asked("GET payment/presentation?currency=${currency}"+pay, refusedOrAccepted()),
		},
		{
			Name: "a wallet alone needs no amount", Section: presentation, Certainty: CertaintySure,
			steps: works(base + "&intents%5B%5D=ADD_TO_WALLET"),
		},
		{
			Name: "whether a wallet alone with an amount is refused", Section: presentation, Certainty: CertaintyGap,
			steps: asked(base+"&amount=1000&intents%5B%5D=ADD_TO_WALLET", refusedOrAccepted()),
		},
		{
			Name: "several intents repeat the key", Section: presentation, Certainty: CertaintySure,
			steps: works(base + pay + "&intents%5B%5D=ADD_TO_WALLET"),
		},
		{
			Name: "the brackets of intents[] may be raw", Section: presentation, Certainty: CertaintySure,
			steps: works(base + "&amount=1000&intents[]=PAY"),
		},
		{
			Name: "whether one intent may be named without brackets", Section: presentation, Certainty: CertaintyGap,
			steps: asked(base+"&amount=1000&intent=PAY", acceptedOrRefused()),
		},
		{
			Name: "whether an intent that Klarna does not know is refused", Section: presentation, Certainty: CertaintyGap,
			steps: asked(base+"&amount=1000&intents%5B%5D=CONFORMANCE", refusedOrAccepted()),
		},
		{
			Name: "a billing interval with its frequency is accepted", Section: presentation, Certainty: CertaintySure,
			steps: works(weekly + "&subscription_billing_interval_frequency=1"),
		},
		{
			Name: "a billing interval without its frequency is refused", Section: presentation, Certainty: CertaintySure,
			steps: []step{{call: weekly, want: refused("VALIDATION_ERROR")}},
		},
		{
			Name: "the app's return URL is base64", Section: presentation, Certainty: CertaintySure,
			steps: works(present + "&app_return_url=c2hvcDovL2JhY2s%3D"),
		},
		{
			Name: "whether the app's return URL as it is, without base64, is refused", Section: presentation, Certainty: CertaintyGap,
			steps: asked(present+"&app_return_url=shop%3A%2F%2Fback", refusedOrAccepted()),
		},
		{
			Name: "the result of a presentation with an unknown token", Section: sessionToken, Certainty: CertaintyGap,
			steps: []step{{
				call: present, header: map[string]string{"Klarna-Network-Session-Token": "krn:network:us1:test:session-token:${new.made_up}"},
				variants: acceptedOrRefused(),
			}},
		},
	}
	for _, name := range []string{"header", "subheader", "message", "terms"} {
		cases = append(cases, Case{
			Name: "in which form of a Text is the payment option's " + name, Section: presentation, Certainty: CertaintyGap, steps: shown(textual(name)),
		})
	}
	return cases
}
