package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
)

// mutant is one condition changed.
type mutant struct {
	file     string
	line     int
	function string
	old, now string
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

// source is the text of a file. Mutants that it is given are written into it, each beside the
// condition that it takes the place of.
type source struct {
	file    string
	pkg     string
	text    []byte
	set     *token.FileSet
	mutants []mutant
	first   int         // number of the file's first mutant
	places  []insertion // in the order of the tree: what holds another comes first
}

// insertion is what is written before and behind a condition.
type insertion struct {
	from, end      int // of the condition, in octets
	before, behind string
}

// of returns the text of a node as it stands in the file.
func (s *source) of(n ast.Node) string {
	return string(s.text[s.offset(n.Pos()):s.offset(n.End())])
}

func (s *source) offset(p token.Pos) int { return s.set.Position(p).Offset }

// add lets a condition be another when the number of the mutant is chosen.
func (s *source) add(function string, condition ast.Expr, now string) {
	n := s.first + len(s.mutants)
	at := s.set.Position(condition.Pos())
	s.mutants = append(s.mutants, mutant{at.Filename, at.Line, function, s.of(condition), now})
	s.places = append(s.places, insertion{
		s.offset(condition.Pos()), s.offset(condition.End()),
		fmt.Sprintf("(%s == %d && (%s) || %s != %d && (", chosen, n, now, chosen, n), "))",
	})
}

// switchable returns the file with all its mutants in it.
func (s *source) switchable() []byte {
	before, behind := make(map[int]string), make(map[int]string)
	for _, p := range s.places {
		before[p.from] += p.before
		behind[p.end] = p.behind + behind[p.end]
	}
	var text strings.Builder
	for i, octet := range s.text {
		text.WriteString(behind[i] + before[i])
		text.WriteByte(octet)
	}
	return []byte(text.String())
}

// chosen is the variable that says which mutant a test program is, by its number: none before it is
// set.
const chosen = "mutantChosen"

// chooser is a file of the package under test, which declares the variable.
func chooser(pkg string) []byte {
	return fmt.Appendf(nil, `package %s

import (
	"os"
	"strconv"
)

var %s = func() int {
	n, err := strconv.Atoi(os.Getenv(%q))
	if err != nil {
		return -1
	}
	return n
}()
`, pkg, chosen, variable)
}

// variable of the environment holds the number of the mutant to be.
const variable = "MUTANT"

// mutate finds all mutants of a file: conditions of if negated, cases of a switch without a tag
// never taken, one side of && and || dropped, comparisons changed. Their numbers begin with first.
func mutate(file string, first int) (*source, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s := &source{file: file, text: text, set: token.NewFileSet(), first: first}
	tree, err := parser.ParseFile(s.set, file, text, 0)
	if err != nil {
		return nil, err
	}
	s.pkg = tree.Name.Name
	function := ""
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			return n.Tok != token.CONST // they are no variables to choose by
		case *ast.FuncDecl:
			function = n.Name.Name
		case *ast.IfStmt:
			s.add(function, n.Cond, "!("+s.of(n.Cond)+")")
		case *ast.SwitchStmt:
			if n.Tag == nil {
				for _, clause := range n.Body.List {
					for _, condition := range clause.(*ast.CaseClause).List {
						s.add(function, condition, "("+s.of(condition)+") && false")
					}
				}
			}
		case *ast.BinaryExpr:
			if n.Op == token.LAND || n.Op == token.LOR {
				s.add(function, n, s.of(n.X))
				s.add(function, n, s.of(n.Y))
			} else if other, found := opposite[n.Op]; found {
				s.add(function, n, s.of(n.X)+" "+other+" "+s.of(n.Y))
			}
		}
		return true
	})
	return s, nil
}
