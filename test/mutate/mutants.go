package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
)

// mutant is a file with one condition changed.
type mutant struct {
	file     string
	line     int
	function string
	old, now string
	source   []byte
}

// key names a mutant in equivalent.txt. Lines move, so it has none.
func (m mutant) key() string {
	return fmt.Sprintf("%s: %s: %s -> %s", m.file, m.function, oneLine(m.old), oneLine(m.now))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// opposite has the comparison that differs from another at its border, or in all.
var opposite = map[token.Token]string{
	token.EQL: "!=", token.NEQ: "==", token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">",
}

// mutate makes all mutants of a file: conditions of if and for negated, cases of a switch without a
// tag never taken, one side of && and || dropped, comparisons changed.
func mutate(file string) ([]mutant, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, source, 0)
	if err != nil {
		return nil, err
	}
	var all []mutant
	function := ""
	text := func(n ast.Node) string {
		return string(source[set.Position(n.Pos()).Offset:set.Position(n.End()).Offset])
	}
	add := func(n ast.Node, to string) {
		from, end := set.Position(n.Pos()).Offset, set.Position(n.End()).Offset
		changed := slices.Concat(source[:from], []byte(to), source[end:])
		all = append(all, mutant{file, set.Position(n.Pos()).Line, function, text(n), to, changed})
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			function = n.Name.Name
		case *ast.IfStmt:
			add(n.Cond, "!("+text(n.Cond)+")")
		case *ast.SwitchStmt:
			if n.Tag == nil {
				for _, clause := range n.Body.List {
					for _, condition := range clause.(*ast.CaseClause).List {
						add(condition, never(text(condition)))
					}
				}
			}
		case *ast.BinaryExpr:
			if n.Op == token.LAND || n.Op == token.LOR {
				add(n, text(n.X))
				add(n, text(n.Y))
			} else if other, found := opposite[n.Op]; found {
				add(n, text(n.X)+" "+other+" "+text(n.Y))
			}
		}
		return true
	})
	return all, nil
}

// never is a condition that compiles wherever another does, and is false.
func never(condition string) string { return "(" + condition + ") && false" }
