package rules

import "github.com/choriste/choriste/invoice/tree"

type element = tree.Element

// document is the tree that the rules look at.
type document struct{ *tree.Tree }

// judgeTree judges a document by EN 16931's rules.
func judgeTree(t *tree.Tree) []Finding { return check(&document{t}) }
