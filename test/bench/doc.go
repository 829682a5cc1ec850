// Package bench sets the daemon beside other programs that sign, on one machine in one run:
// what a message costs each of them in processor time, how many they manage in a second, how
// fast Postfix takes mail with each, and what memory they hold. make bench prints the table.
package bench
