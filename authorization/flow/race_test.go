//go:build race

package flow

// raceEnabled: the simulations are a tenth as large, because they are ten times as slow.
const raceEnabled = true
