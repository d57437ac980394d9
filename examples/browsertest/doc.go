// Package browsertest tests the hosted example in a real browser: Chromium, headless.
//
//	go test ./examples/browsertest
//
// If Chromium is not installed, the tests are skipped, or fail if CI is set in the environment.
// ARTIFACTS is the folder for screenshots. Without it, they are among the artifacts of the test,
// which -artifacts keeps.
package browsertest
