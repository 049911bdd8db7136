// Package rooms holds the map of ARCHITECTURE.md against the code: which package may import which.
package rooms

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/choriste/choriste/"

// arrows says for each room which others it may import. cmd/* may import every room.
var arrows = map[string]string{
	"crash":                  "",
	"secret":                 "",
	"egress":                 "secret",
	"chorus":                 "chorus/annuaire chorus/answers crash egress secret",
	"chorus/annuaire":        "",
	"chorus/record":          "chorus chorus/answers chorus/chorustest invoice/invoicetest",
	"chorus/answers":         "",
	"invoice":                "invoice/tree",
	"invoice/tree":           "",
	"invoice/rules":          "invoice invoice/tree",
	"internal/visible":       "",
	"fleet":                  "",
	"webhook":                "egress",
	"store":                  "crash",
	"archive":                "store",
	"operate":                "chorus/answers internal/visible invoice/rules store",
	"migrations":             "crash store",
	"jobs":                   "chorus chorus/annuaire chorus/answers crash fleet invoice invoice/rules store webhook",
	"jobs/model":             "",
	"worker":                 "chorus crash fleet invoice/rules jobs migrations operate store",
	"probe":                  "chorus egress secret",
	"openid":                 "egress secret",
	"openid/openidtest":      "",
	"console":                "chorus/answers internal/visible invoice invoice/rules openid operate secret store",
	"chorus/chorustest":      "invoice",
	"invoice/invoicetest":    "",
	"store/storetest":        "migrations",
	"internal/lab/chromium":  "",
	"internal/lab/tcpproxy":  "",
	"internal/lab/httpproxy": "",
	"internal/lab/naive":     "migrations",
	"internal/chaos":         "crash internal/lab/naive internal/lab/tcpproxy invoice/invoicetest migrations store/storetest",
	"internal/rooms":         "",
	"deploy/licences":        "",
}

// forTests are the rooms that only tests and these programs import.
var forTests = []string{"chorus/chorustest", "chorus/record", "invoice/invoicetest", "store/storetest", "openid/openidtest", "internal/chaos", "internal/lab/chromium", "internal/lab/httpproxy", "internal/lab/naive", "internal/lab/tcpproxy"}

var testPrograms = []string{"cmd/chorus-sim", "cmd/demo", "cmd/bench", "cmd/chaos"}

// homes says which rooms may import an outside library, and all below it.
var homes = map[string][]string{
	"golang.org/x/oauth2":                  {"chorus", "openid", "internal/lab/naive"}, // there, a worker that is not ours
	"github.com/coreos/go-oidc":            {"openid", "openid/openidtest"},
	"github.com/pressly/goose":             {"migrations"},
	"github.com/riverqueue/river/rivermig": {"migrations"},
	"github.com/lmittmann/tint":            {"cmd/choriste"},
	"github.com/go-analyze/charts":         {"console"},
}

func TestArrows(t *testing.T) {
	for room, imports := range rooms(t) {
		may, known := arrows[room]
		if !known && !strings.HasPrefix(room, "cmd/") {
			t.Errorf("%s is a new room: say in this table, and in ARCHITECTURE.md, what it may import", room)
		}
		for _, path := range imports {
			to, ours := strings.CutPrefix(path, module)
			switch {
			case !ours:
				for library, home := range homes {
					if strings.HasPrefix(path, library) && !slices.Contains(home, room) {
						t.Errorf("%s imports %s, whose home is %v", room, path, home)
					}
				}
			case strings.HasPrefix(room, "cmd/"):
				if slices.Contains(forTests, to) && !slices.Contains(testPrograms, room) {
					t.Errorf("%s imports %s, which is for tests", room, to)
				}
			case !slices.Contains(strings.Fields(may), to):
				t.Errorf("%s imports %s: a new arrow", room, to)
			}
		}
	}
}

// TestTheMapNamesEveryRoom keeps ARCHITECTURE.md whole.
func TestTheMapNamesEveryRoom(t *testing.T) {
	page, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for room := range rooms(t) {
		if !strings.HasPrefix(room, "cmd/") && !strings.HasPrefix(room, "internal/") && !strings.HasSuffix(room, "test") && !bytes.Contains(page, []byte("| `"+room+"` |")) {
			t.Errorf("ARCHITECTURE.md does not name the room %s", room)
		}
	}
}

// rooms lists the packages of the module, tests aside, and what each imports.
func rooms(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimPrefix(p.ImportPath, module)] = p.Imports
	}
}
