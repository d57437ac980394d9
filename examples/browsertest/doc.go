// Package browsertest tests the hosted example in a real browser: Chromium, headless.
//
//	go test ./examples/browsertest
//
// Where CI is set in the environment and there is no Chromium the tests fail; elsewhere they are
// skipped. ARTIFACTS is the folder for screenshots; without it they are among the test's artifacts,
// which -artifacts keeps.
package browsertest
