package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
)

// Size reads the size of a test from the environment. CHAOS_PURCHASES is the number of purchases,
// usual if it is not set. CHAOS_SEED is a number, or "random" for a seed that the test prints; the
// default seed is constant. full reports whether CHAOS_PURCHASES is set.
func Size(usual int) (seed int64, purchases int, full bool, err error) {
	seed, purchases = 2512, usual
	if text, ok := os.LookupEnv("CHAOS_PURCHASES"); ok {
		full = true
		if purchases, err = strconv.Atoi(text); err != nil {
			return 0, 0, false, fmt.Errorf("CHAOS_PURCHASES: %w", err)
		}
	}
	switch text, ok := os.LookupEnv("CHAOS_SEED"); {
	case ok && text == "random":
		seed = int64(rand.Uint32())
	case ok:
		if seed, err = strconv.ParseInt(text, 10, 64); err != nil {
			return 0, 0, false, fmt.Errorf("CHAOS_SEED: %w", err)
		}
	}
	return seed, purchases, full, nil
}
