package doctor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestChecksAreDocumented: each finding that doctor has words for stands in a table of
// docs/doctor.md, by the longest of its words that never change.
func TestChecksAreDocumented(t *testing.T) {
	table := documentedFindings(t)
	found := 0
	for _, folder := range []string{".", "../../../postfix"} {
		for _, file := range parseFolder(t, folder) {
			for _, words := range findingsIn(file) {
				found++
				if !strings.Contains(table, words) {
					t.Errorf("docs/doctor.md has no finding with %q", words)
				}
			}
		}
	}
	if found < 60 {
		t.Errorf("the code has %d findings; has their form changed?", found)
	}
}

// documentedFindings returns the first column of all tables, without its quotes.
func documentedFindings(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	_, checks, found := strings.Cut(string(text), "\n## The checks\n")
	if !found {
		t.Fatal("docs/doctor.md has no section of checks")
	}
	var all strings.Builder
	for line := range strings.Lines(checks) {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			all.WriteString(strings.ReplaceAll(cells[1], "`", "") + "\n")
		}
	}
	return all.String()
}

func parseFolder(t *testing.T, folder string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// findingsIn returns the words of each finding in a file that is a warning or an error: of What in
// a Finding, of what note and skip are called with, and the setting of each risk.
func findingsIn(file *ast.File) []string {
	var all []string
	add := func(what ast.Expr) {
		if words := longestWords(what); words != "" {
			all = append(all, words)
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.CompositeLit:
			fields := make(map[string]ast.Expr)
			for _, element := range node.Elts {
				if pair, ok := element.(*ast.KeyValueExpr); ok {
					if name, ok := pair.Key.(*ast.Ident); ok {
						fields[name.Name] = pair.Value
					}
				}
			}
			if fields["What"] != nil && fields["Level"] != nil {
				add(fields["What"])
			}
		case *ast.AssignStmt:
			for i, left := range node.Lhs {
				if selected, ok := left.(*ast.SelectorExpr); ok && selected.Sel.Name == "What" && i < len(node.Rhs) {
					add(node.Rhs[i])
				}
			}
		case *ast.CallExpr:
			if name, ok := node.Fun.(*ast.Ident); ok && name.Name == "note" {
				add(node.Args[1])
			}
			if name, ok := node.Fun.(*ast.SelectorExpr); ok && name.Sel.Name == "skip" {
				add(node.Args[0])
			}
		case *ast.ValueSpec:
			if node.Names[0].Name == "risks" {
				for _, risk := range node.Values[0].(*ast.CompositeLit).Elts {
					add(risk.(*ast.CompositeLit).Elts[0])
				}
			}
			for i, name := range node.Names { // const what, of skip
				if strings.EqualFold(name.Name, "what") || name.Name == "notTried" {
					add(node.Values[i])
				}
			}
		}
		return true
	})
	return all
}

var verb = regexp.MustCompile(`%(\[\d+\])?[a-z]`)

// longestWords returns the longest text of an expression that stands in each finding that is made
// by it.
func longestWords(what ast.Expr) string {
	longest := ""
	ast.Inspect(what, func(node ast.Node) bool {
		literal, ok := node.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			return true
		}
		for _, part := range verb.Split(text, -1) {
			if part = strings.Trim(part, " ,;:()="); len(part) > len(longest) {
				longest = part
			}
		}
		return true
	})
	return longest
}
