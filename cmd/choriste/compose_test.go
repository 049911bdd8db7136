package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// composeFile is what compose.yaml may say, by the names of the Compose specification. A key that is not here is refused.
type composeFile struct {
	Name     string
	Hardened map[string]any `yaml:"x-hardened"`
	Services map[string]composeService
	Configs  map[string]struct{ Content string }
	Secrets  map[string]struct{ File string }
	Volumes  map[string]struct{}
}

type composeService struct {
	Image, User, Restart string
	Build                struct{ Context, Target string }
	Command              []string
	Environment          map[string]string
	Secrets              []string
	Configs              []struct{ Source, Target string }
	Volumes, Ports       []string
	Healthcheck          struct {
		Test              []string
		Interval, Timeout time.Duration
		Retries           int
	}
	DependsOn map[string]struct{ Condition string } `yaml:"depends_on"`

	ReadOnly        bool           `yaml:"read_only"`
	CapDrop         []string       `yaml:"cap_drop"`
	SecurityOpt     []string       `yaml:"security_opt"`
	PidsLimit       int            `yaml:"pids_limit"`
	MemLimit        string         `yaml:"mem_limit"`
	StopGracePeriod *time.Duration `yaml:"stop_grace_period"`
}

// loadCompose reads compose.yaml as it is where no variable is set.
func loadCompose(t *testing.T) (project composeFile) {
	t.Helper()
	text, err := os.ReadFile("../../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defaults := regexp.MustCompile(`\$\{\w+:-(\w*)\}`).ReplaceAllString(string(text), "$1")
	d := yaml.NewDecoder(strings.NewReader(defaults))
	d.KnownFields(true)
	if err := d.Decode(&project); err != nil {
		t.Fatal(err)
	}
	return project
}

func TestComposeSetsOnlyWhatChoristeKnows(t *testing.T) {
	project := loadCompose(t)
	for _, name := range []string{"migrate", "worker"} {
		service := project.Services[name]
		given := func(variable string) string { return service.Environment[variable] }
		for variable := range service.Environment {
			known := slices.ContainsFunc(table, func(s setting) bool {
				return variable == s.name && !s.secret || variable == s.name+"_FILE" && s.secret
			})
			if !known {
				t.Errorf("%s: %s is no setting, or a secret in the environment", name, variable)
			}
			file, isFile := strings.CutPrefix(given(variable), "/run/secrets/")
			if strings.HasSuffix(variable, "_FILE") && (!isFile || !slices.Contains(service.Secrets, file)) {
				t.Errorf("%s: %s names %q, which the service does not get", name, variable, given(variable))
			}
		}
		// The settings must also be good: files aside, the program reads them as it would in the container.
		getenv := func(variable string) string {
			if strings.HasSuffix(variable, "_FILE") {
				return ""
			}
			switch {
			case given(variable+"_FILE") == "":
			case variable == "DATABASE_URL":
				return "postgres:///from_a_file"
			default:
				return "from a file"
			}
			return given(variable)
		}
		var names []string
		if name == "migrate" {
			names = []string{"DATABASE_URL"}
		}
		if _, err := load(getenv, names...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestComposeStartsThingsInOrderAndWithoutRights(t *testing.T) {
	project := loadCompose(t)
	order := map[string]map[string]string{
		"postgres":  {},
		"simulator": {},
		"migrate":   {"postgres": "service_healthy"},
		"worker":    {"migrate": "service_completed_successfully", "simulator": "service_started"},
	}
	if len(project.Services) != len(order) {
		t.Errorf("there are %d services", len(project.Services))
	}
	for name, after := range order {
		service := project.Services[name]
		if len(service.DependsOn) != len(after) {
			t.Errorf("%s waits for %v", name, service.DependsOn)
		}
		for other, condition := range after {
			if got := service.DependsOn[other].Condition; got != condition {
				t.Errorf("%s waits for %s until it is %q, want %q", name, other, got, condition)
			}
		}
		if !slices.Contains(service.SecurityOpt, "no-new-privileges:true") || service.MemLimit == "" {
			t.Errorf("%s may gain privileges, or use all memory", name)
		}
		for _, port := range service.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the network", name, port)
			}
		}
		if name == "postgres" {
			continue // its image starts as root and becomes postgres
		}
		if !service.ReadOnly || service.PidsLimit == 0 || !slices.Equal(service.CapDrop, []string{"ALL"}) {
			t.Errorf("%s is not confined", name)
		}
		if service.User != "65532:65532" {
			t.Errorf("%s runs as %q", name, service.User)
		}
	}
	for name, secret := range project.Secrets {
		// Compose cannot give a read-only container any other kind.
		if secret.File == "" {
			t.Errorf("the secret %s is no file", name)
		}
	}
	grace := project.Services["worker"].StopGracePeriod
	s, err := load(func(string) string { return "" }, "CHORISTE_SHUTDOWN_TIMEOUT")
	if err != nil || grace == nil || s.ShutdownTimeout == 0 || s.ShutdownTimeout >= *grace {
		t.Errorf("the worker is killed after %v, and drains for %s (%v)", grace, s.ShutdownTimeout, err)
	}
}

func TestComposeNeedsTheFilesThatMakeSecretsMakes(t *testing.T) {
	script, err := os.ReadFile("../../deploy/secrets.sh")
	if err != nil {
		t.Fatal(err)
	}
	var made []string
	for _, m := range regexp.MustCompile(`(?m)^put (\w+) `).FindAllStringSubmatch(string(script), -1) {
		made = append(made, m[1])
	}
	var needed []string
	for name, secret := range loadCompose(t).Secrets {
		if secret.File != "secrets/"+name {
			t.Errorf("the secret %s is in %s", name, secret.File)
		}
		needed = append(needed, name)
	}
	slices.Sort(made)
	slices.Sort(needed)
	if !slices.Equal(made, needed) {
		t.Errorf("made are %v, needed are %v", made, needed)
	}
}

// The images are static, have no shell, run as nobody, and the product's has no simulator in it.
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stages := regexp.MustCompile(`(?m)^FROM `).Split(string(text), -1)[1:]
	if len(stages) != 3 {
		t.Fatalf("%d stages", len(stages))
	}
	for _, want := range []string{"golang:1.26 ", "CGO_ENABLED=0 ", "-trimpath ", "go mod download"} {
		if !strings.Contains(stages[0], want) {
			t.Errorf("the build lacks %q", want)
		}
	}
	for i, program := range map[int]string{1: "chorus-sim", 2: "choriste"} {
		for _, want := range []string{"distroless/static", "USER 65532", "COPY --from=build /out/" + program + " ", "COPY --from=build /out/" + program + ".txt /THIRD-PARTY-NOTICES.txt", `ENTRYPOINT ["/` + program + `"]`, "org.opencontainers.image.licenses"} {
			if !strings.Contains(stages[i], want) {
				t.Errorf("the image of %s lacks %q", program, want)
			}
		}
	}
	if strings.Contains(stages[2], "chorus-sim") {
		t.Error("the simulator is in the product's image")
	}
}
