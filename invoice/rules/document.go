package rules

import "github.com/choriste/choriste/invoice/tree"

type element = tree.Element

// document is the tree that the rules look at.
type document struct {
	*tree.Tree
	known map[string]bool // what once has found
}

// once finds out what is the same wherever it is asked in a document.
func (t *document) once(what string, find func() bool) bool {
	yes, asked := t.known[what]
	if !asked {
		yes = find()
		t.known[what] = yes
	}
	return yes
}

// judgeTree judges a document by EN 16931's rules.
func judgeTree(t *tree.Tree) []Finding { return check(newDocument(t)) }

func newDocument(t *tree.Tree) *document { return &document{t, map[string]bool{}} }
