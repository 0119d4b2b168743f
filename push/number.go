package push

import (
	"crypto/rand"
	"math/big"
	"slices"
	"strconv"
)

// numbers returns three numbers of two digits and, in front, the one of them that the login
// shows (statement 2.12).
func numbers() (right string, all []string) {
	pick := func(n int64) int {
		v, err := rand.Int(rand.Reader, big.NewInt(n))
		if err != nil {
			panic(err) // never: the runtime ends the program instead
		}
		return int(v.Int64())
	}
	for len(all) < 3 {
		if n := strconv.Itoa(10 + pick(90)); !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all[pick(3)], all
}
