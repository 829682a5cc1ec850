//go:build !race

package milter

// raced: the race detector is on, which takes memory of its own.
const raced = false
