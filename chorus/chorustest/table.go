package chorustest

import "hash/maphash"

// What the simulator knows of a million invoices stands in tables of small records without pointers; everything else of an invoice is read again from its
// lines of the ledger when somebody asks.

// table holds records by their numbers, from 1 on. It grows by pieces, so that nothing is copied.
type table[T any] struct {
	pieces []*[pieceOf]T
	n      uint32
}

const pieceOf = 1024

// add makes the next record.
func (t *table[T]) add() (n uint32, record *T) {
	if int(t.n) == len(t.pieces)*pieceOf {
		t.pieces = append(t.pieces, new([pieceOf]T))
	}
	t.n++
	return t.n, t.at(t.n)
}

func (t *table[T]) at(n uint32) *T { return &t.pieces[(n-1)/pieceOf][(n-1)%pieceOf] }

// index finds numbers of records by a hash that the records hold.
type index struct {
	slots []uint32 // 0: free
	used  int
}

// slot is where the record with this hash is that is fits, or the free place for it.
func (x *index) slot(hash uint32, hashOf func(n uint32) uint32, fits func(n uint32) bool) *uint32 {
	if x.used >= len(x.slots)/4*3 {
		x.grow(hashOf)
	}
	mask := uint32(len(x.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		if n := x.slots[i]; n == 0 || hashOf(n) == hash && fits(n) {
			return &x.slots[i]
		}
	}
}

// put fills a place that slot has found.
func (x *index) put(slot *uint32, n uint32) {
	if *slot == 0 {
		x.used++
	}
	*slot = n
}

func (x *index) grow(hashOf func(n uint32) uint32) {
	old := x.slots
	x.slots = make([]uint32, max(256, 2*len(old)))
	mask := uint32(len(x.slots) - 1)
	for _, n := range old {
		if n == 0 {
			continue
		}
		i := hashOf(n) & mask
		for x.slots[i] != 0 {
			i = (i + 1) & mask
		}
		x.slots[i] = n
	}
}

var hashSeed = maphash.MakeSeed()

func hash(text string) uint32 { return uint32(maphash.String(hashSeed, text)) }

// interner keeps each text once, under a number; 0 is "".
type interner struct {
	numbers map[string]uint32
	texts   []string
}

func newInterner() interner { return interner{map[string]uint32{"": 0}, []string{""}} }

func (x *interner) number(text string) uint32 {
	n, known := x.numbers[text]
	if !known {
		n = uint32(len(x.texts))
		x.numbers[text], x.texts = n, append(x.texts, text)
	}
	return n
}
