package rules

import (
	"slices"

	"github.com/choriste/choriste/invoice/tree"
)

type element = tree.Element

// document is the tree that the rules look at.
type document struct {
	*tree.Tree
	known map[string]bool // what once has found
	names []string        // those of the elements, in their order, once they were asked for
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

func newDocument(t *tree.Tree) *document { return &document{Tree: t, known: map[string]bool{}} }

// namesThat are the names of a document's elements that are wanted, in their order.
func namesThat(t *tree.Tree, wanted func(name string) bool) (names []string) {
	for name := range t.ByName {
		if wanted(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
