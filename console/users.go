package console

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Role is what somebody who signed in may do. Each may do what the one before it may.
type Role string

// The roles.
const (
	Reader        Role = "reader"        // sees the pages
	Operator      Role = "operator"      // acts on invoices, and on what differs from the portal
	Administrator Role = "administrator" // also pauses and resumes accounts, acts on webhooks, and lets resubmission go on
)

// Roles lists them, the least first.
var Roles = []Role{Reader, Operator, Administrator}

// may tells whether the role includes another.
func (r Role) may(other Role) bool {
	rank := map[Role]int{Reader: 1, Operator: 2, Administrator: 3}
	return rank[r] >= rank[other]
}

// User is somebody who may sign in. Hash is what HashPassword made. Accounts are those for which the role holds; nil: all of them. KnownAs is what else the same person is called, by a
// provider or a proxy.
type User struct {
	Name     string
	Role     Role
	Accounts []string
	KnownAs  []string
	Hash     string
}

// The lengths of a password, in characters and bytes.
const (
	LeastPassword = 12
	MostPassword  = 128
)

// What a hash costs to make: 19 MiB and two passes, as OWASP's Password Storage Cheat Sheet has it for argon2id. What is read may cost more, up to the bounds.
const (
	hashMemory, mostMemory = 19 * 1024, 64 * 1024 // KiB
	hashPasses, mostPasses = 2, 10
	hashLanes, mostLanes   = 1, 4
	saltLength, keyLength  = 16, 32
)

// HashPassword makes what stands in the file of users: argon2id in the usual form ($argon2id$v=19$m=…,t=…,p=…$salt$hash).
func HashPassword(password string) (string, error) {
	if n := len([]rune(password)); n < LeastPassword || len(password) > MostPassword {
		return "", fmt.Errorf("a password has at least %d characters, and at most %d bytes", LeastPassword, MostPassword)
	}
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // never fails: it ends the program instead
	return argon{hashMemory, hashPasses, hashLanes, salt, nil}.of(password).String(), nil
}

// CheckHash tells what is wrong with a hash of the file of users.
func CheckHash(hash string) error {
	_, err := readHash(hash)
	return err
}

// argon is a hash by argon2id, and what it was made with.
type argon struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

// of hashes a password in the same way.
func (a argon) of(password string) argon {
	a.key = argon2.IDKey([]byte(password), a.salt, a.passes, a.memory, a.lanes, keyLength)
	return a
}

func (a argon) String() string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, a.memory, a.passes, a.lanes, b.EncodeToString(a.salt), b.EncodeToString(a.key))
}

// matches tells whether the password is the one of the hash, in the same time whatever it is.
func (a argon) matches(password string) bool {
	return subtle.ConstantTimeCompare(a.of(password).key, a.key) == 1
}

var errHash = errors.New("is no hash of argon2id that is taken: make it with choriste password")

// readHash reads one, within the bounds of what it may cost.
func readHash(text string) (argon, error) {
	var a argon
	parts := strings.Split(text, "$")
	if len(text) > 400 || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return a, errHash
	}
	values := strings.Split(parts[3], ",")
	if len(values) != 3 {
		return a, errHash
	}
	for k, p := range []struct {
		name  string
		least uint64
		most  uint64
	}{{"m=", 8 * 1024, mostMemory}, {"t=", 1, mostPasses}, {"p=", 1, mostLanes}} {
		digits, named := strings.CutPrefix(values[k], p.name)
		n, err := strconv.ParseUint(digits, 10, 32)
		if !named || err != nil || n < p.least || n > p.most {
			return a, errHash
		}
		switch k {
		case 0:
			a.memory = uint32(n)
		case 1:
			a.passes = uint32(n)
		case 2:
			a.lanes = uint8(n) //nolint:gosec // at most mostLanes
		}
	}
	var err error
	if a.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil || len(a.salt) < 8 || len(a.salt) > 64 {
		return a, errHash
	}
	if a.key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(a.key) != keyLength {
		return a, errHash
	}
	return a, nil
}
