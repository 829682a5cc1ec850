// Package term is the only way from this program to a terminal.
//
// A terminal obeys what it prints: control characters move the cursor and repaint lines, and
// bidirectional ones (Unicode UAX #9) turn letters round, so that evil.example reads as another
// name. Much of what commands print was written by strangers, in their DNS, their headers, the
// replies of their servers. So everything goes through Clean, and nothing else can reach the
// screen.
//
//	clean.go     what a terminal may see
//	wrap.go      prose in lines that fit, counted in columns
//	bar.go       a number as a bar
//	printer.go   headings, labels with text, tables, colour
//	progress.go  how far a slow command is, on standard error
//
// A column is one cell of the screen: East Asian letters and most emoji take two, combining marks
// none.
package term
