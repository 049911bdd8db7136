package record

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"unicode"
)

// masker gives every text another one of the same shape: letters for letters, digits for digits, all else as it is. The same text always gets the same one,
// whatever its letter case, and two texts never share one. The key dies with the process, so nobody can go back.
type masker struct {
	key [32]byte

	mu     sync.Mutex
	given  map[string]string // by the text in lower case
	used   map[string]bool
	labels map[string]string // secrets
	counts map[string]int    // labels by kind
}

// mostMasked bounds the memory of one recording.
const mostMasked = 1_000_000

func newMasker() *masker {
	m := &masker{given: map[string]string{}, used: map[string]bool{}, labels: map[string]string{}, counts: map[string]int{}}
	_, _ = rand.Read(m.key[:]) // never fails
	return m
}

// label stands for a secret, of which not even the shape is kept.
func (m *masker) label(kind, secret string) string {
	if secret == "" {
		return ""
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known, is := m.labels[kind+" "+secret]
	if !is {
		m.counts[kind]++
		known = fmt.Sprintf("%s-%d", kind, m.counts[kind])
		m.labels[kind+" "+secret] = known
	}
	return known
}

// text masks a text word by word, so that what stands in a sentence is replaced as when it stands alone.
func (m *masker) text(s string) string {
	var out strings.Builder
	eachWord(s, func(word string, is bool) {
		if is {
			word = m.word(word)
		}
		out.WriteString(word)
	})
	return out.String()
}

// eachWord cuts a text into words and what stands between them. A word may have signs within it, as F-2026/0001, a.b@c.fr and 1500.00 have, but not at its ends.
func eachWord(s string, yield func(part string, isWord bool)) {
	runes := []rune(s)
	inner := func(i int) bool {
		return i > 0 && i+1 < len(runes) && strings.ContainsRune("-_./@+", runes[i]) && isWordRune(runes[i-1]) && isWordRune(runes[i+1])
	}
	for i := 0; i < len(runes); {
		begin, word := i, isWordRune(runes[i])
		for i < len(runes) && (isWordRune(runes[i]) || inner(i)) == word {
			i++
		}
		yield(string(runes[begin:i]), word)
	}
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// word masks one word.
func (m *masker) word(s string) string {
	if s != "" && strings.Trim(s, "0.") == "" && strings.Count(s, ".") <= 1 { // nothing to hide, and programs look for it
		return s
	}
	if whole, fraction, is := cutNumber(s); is {
		return m.number(whole, fraction)
	}
	if digits(s) {
		switch len(s) {
		case 14: // a SIRET begins with its SIREN
			return m.shape("", s[:9]) + m.shape("nic", s[9:])
		case 11: // of a VAT number
			return m.shape("key", s[:2]) + m.shape("", s[2:])
		}
	}
	if country, number := s[:min(len(s), 2)], s[min(len(s), 2):]; strings.EqualFold(country, "fr") && len(number) == 11 && digits(number) {
		return country + m.word(number)
	}
	return m.shape("", s)
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// cutNumber splits an amount; an integer has no fraction. What begins with a nought is a name, not a number.
func cutNumber(s string) (whole, fraction string, decimal bool) {
	whole, fraction, found := strings.Cut(s, ".")
	if !digits(whole) || len(whole) > 1 && whole[0] == '0' || found && !digits(fraction) || !found && len(whole) >= 9 {
		return "", "", false
	}
	return whole, fraction, true
}

// number masks 1500, 1500.0 and 1500.00 alike.
func (m *masker) number(whole, fraction string) string {
	masked := m.shape("whole", whole)
	if fraction == "" {
		return masked
	}
	significant := strings.TrimRight(fraction, "0")
	return masked + "." + m.shape("fraction of "+whole, significant) + fraction[len(significant):]
}

// shape is what stands for a text of letters and digits. The kind keeps apart what is no secret of the same sort: 12 as a number and as the end of a SIRET.
func (m *masker) shape(kind, original string) string {
	if original == "" || original == "0" {
		return original
	}
	s := strings.Map(unicode.ToLower, original)
	m.mu.Lock()
	defer m.mu.Unlock()
	masked, known := m.given[kind+"\x00"+s]
	if !known {
		for try := range 200 { // until it is nobody else's; of one digit there are only so many
			if masked = m.draw(kind, s, try); masked != s && !m.used[kind+"\x00"+masked] {
				break
			}
		}
		if len(m.given) < mostMasked {
			m.given[kind+"\x00"+s], m.used[kind+"\x00"+masked] = masked, true
		}
	}
	from, to := []rune(original), []rune(masked)
	for i := range to {
		if unicode.IsUpper(from[i]) {
			to[i] = unicode.ToUpper(to[i])
		}
	}
	return string(to)
}

// draw makes a text of the same shape out of the key and the text.
func (m *masker) draw(kind, s string, try int) string {
	var block [sha256.Size]byte
	var out strings.Builder
	for i, r := range []rune(s) {
		if i%8 == 0 {
			h := hmac.New(sha256.New, m.key[:])
			fmt.Fprintf(h, "%d %d %q %s", try, i, kind, s)
			h.Sum(block[:0])
		}
		n := binary.BigEndian.Uint32(block[i%8*4:])
		switch {
		case unicode.IsDigit(r) && i == 0 && r == '0':
			out.WriteByte('0')
		case unicode.IsDigit(r) && i == 0: // of a number of JSON
			out.WriteByte("123456789"[n%9])
		case unicode.IsDigit(r):
			out.WriteByte("0123456789"[n%10])
		case isWordRune(r):
			out.WriteByte("abcdefghijklmnopqrstuvwxyz"[n%26])
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// fingerprint tells equal files from different ones, and nothing else.
func (m *masker) fingerprint(b []byte) string {
	h := hmac.New(sha256.New, m.key[:])
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil)[:16])
}
