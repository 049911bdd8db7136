package worker

import (
	"cmp"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/store"
)

// Account is a technical account and the PISTE application it is used with.
type Account struct {
	Name        string        // as rows name it
	Application string        // the application's name, for people; "" = default
	Chorus      chorus.Config // without Budget, Gate and Tokens: the worker adds the fleet's
	Quota       float64       // requests per second that PISTE grants the application; 0 = Config.Quota
	Weight      float64       // share of turns among the accounts; 0 = 1
	Suppliers   []string      // SIRETs that it may send for; empty = any

	Rules map[string]rules.Severity // raised, lowered or off, by code

	Engagements bool // the State is asked whether it knows the commitment that an invoice bears
}

// application is what all accounts of one PISTE application share.
type application struct {
	key    string
	name   string
	conf   chorus.Config // only the fields of the application count
	quota  float64
	budget *store.Budget
	tokens *tokens
}

// roster is what the worker is configured with: immutable, and replaced as a whole.
type roster struct {
	accounts     map[string]Account
	applications map[string]*application // by key
}

// SetAccounts replaces the accounts while the worker runs. Those that have not changed go on undisturbed; deposits in the air end with the client that
// they began with; rows of an account that is not there any more stay, and wait. On an error, which names every problem, nothing has changed.
func (w *Worker) SetAccounts(list []Account) error {
	w.setting.Lock()
	defer w.setting.Unlock()
	next, built, err := w.build(list)
	if err != nil {
		return err
	}
	before := w.jobs.Accounts()
	w.jobs.SetAccounts(built)
	for name, a := range before {
		if now := built[name]; now == nil || now.Gate != a.Gate {
			a.Gate.Retire()
		}
	}
	for key, app := range w.roster.applications {
		if now := next.applications[key]; now == nil || now.tokens != app.tokens {
			app.tokens.retired.Store(true)
		}
	}
	w.roster = next
	w.unshared.Store(true)
	select {
	case w.reset <- struct{}{}:
	default:
	}
	return nil
}

// build makes what is new and keeps what is not.
func (w *Worker) build(list []Account) (*roster, map[string]*jobs.Account, error) {
	next := &roster{accounts: map[string]Account{}, applications: map[string]*application{}}
	built := make(map[string]*jobs.Account, len(list))
	var problems []error
	if len(list) == 0 {
		problems = append(problems, errors.New("there is no account"))
	}
	for _, a := range list {
		if _, twice := next.accounts[a.Name]; twice {
			problems = append(problems, fmt.Errorf("account %s is configured twice", a.Name))
			continue
		}
		// Addresses are written in one way, so that what is kept by their hashes is found again.
		hosts, err := chorus.ReadHosts(a.Chorus.APIURL, a.Chorus.TokenURL)
		a.Chorus.APIURL, a.Chorus.TokenURL = hosts.API, hosts.Token
		next.accounts[a.Name] = a
		var app *application
		if err == nil {
			app, err = w.application(next, a)
		}
		if err == nil {
			built[a.Name], err = w.account(a, app)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("account %s: %w", a.Name, err))
		}
	}
	return next, built, errors.Join(problems...)
}

// application finds the account's application among the new ones, or adds it, with the budget and the tokens that it has had, if they are still right.
func (w *Worker) application(next *roster, a Account) (*application, error) {
	key, quota := budgetKey(a.Chorus), cmp.Or(a.Quota, w.cfg.Quota)
	if app := next.applications[key]; app != nil {
		if !sameApplication(app.conf, a.Chorus) || app.quota != quota {
			return nil, errors.New("another account of the same PISTE application has another client secret, scope, quota or way out")
		}
		return app, nil
	}
	app := &application{key: key, name: cmp.Or(a.Application, "default"), conf: a.Chorus, quota: quota}
	before := w.roster.applications[key]
	if before != nil && before.quota == quota {
		app.budget = before.budget
	} else {
		app.budget = store.NewBudget(w.store, key, quota, w.cfg.Daily, w.cfg.Settings.LongestPermit())
	}
	if before != nil && sameApplication(before.conf, a.Chorus) {
		app.tokens = before.tokens
	} else {
		var err error
		margin := max(a.Chorus.TokenMargin, w.cfg.Settings.HTTPTimeout+time.Minute)
		if app.tokens, err = newTokens(w.store, key, a.Chorus, margin, w.cfg.Log); err != nil {
			return nil, err
		}
	}
	next.applications[key] = app
	return app, nil
}

func sameApplication(a, b chorus.Config) bool {
	return a.TokenURL == b.TokenURL && a.ClientID == b.ClientID && a.ClientSecret == b.ClientSecret && a.Scope == b.Scope && a.TokenMargin == b.TokenMargin && a.Way == b.Way
}

// account makes the account for the jobs. Its client and gate stay the ones it has unless something of theirs has changed.
func (w *Worker) account(a Account, app *application) (*jobs.Account, error) {
	built := &jobs.Account{
		Name: a.Name, Budget: app.budget, Weight: cmp.Or(a.Weight, 1), Suppliers: a.Suppliers, Rules: a.Rules, Engagements: a.Engagements,
		Portal: portalKey(a.Chorus), Application: applicationKey(a.Chorus),
	}
	if old, ours := w.jobs.Accounts()[a.Name]; ours {
		was := w.roster.applications[budgetKey(w.roster.accounts[a.Name].Chorus)]
		if reflect.DeepEqual(w.roster.accounts[a.Name].Chorus, a.Chorus) && was.tokens == app.tokens && was.budget == app.budget {
			built.Client, built.Gate = old.Client, old.Gate
			return built, nil
		}
	}
	conf := a.Chorus
	conf.Budget = permits{app.budget}
	conf.DepositTimeout = w.cfg.Settings.HTTPTimeout
	conf.Tokens = app.tokens
	prober, err := chorus.New(conf) // the one that passes the gate
	if err != nil {
		return nil, err
	}
	probe := func(ctx context.Context) error {
		err := prober.Health(ctx)
		if chorus.FaultOf(err) == chorus.FaultQuota {
			err = errors.Join(err, app.budget.Pause(ctx, w.cfg.Settings.QuotaWait(err)))
		}
		return err
	}
	built.Gate = jobs.NewGate(w.store, a.Name, passwordHash(app.key, conf), guard(app.quota), w.cfg.Settings.Unit(), w.cfg.Log, probe, w.wake)
	conf.Gate = built.Gate
	built.Client, err = chorus.New(conf)
	return built, err
}

// guard is how long a request counts as one that may still be refused. The gateway refuses at once; two such requests at a time must not be fewer than
// the quota lets through, with something to spare.
func guard(quota float64) time.Duration {
	return min(250*time.Millisecond, time.Duration(1.5/(quota*store.Pace)*float64(time.Second)))
}

// budgetKey names a PISTE application without naming it, however its address is written.
func budgetKey(c chorus.Config) string {
	sum := sha256.Sum256([]byte(strings.TrimRight(c.TokenURL, "/") + "\n" + c.ClientID))
	return hex.EncodeToString(sum[:8])
}

// fingerprint names a client secret without telling it: PISTE's are random and too long to guess.
func fingerprint(key string, secret chorus.Secret) []byte {
	return derive(secret, "choriste/secret/v1/"+key)[:16]
}

// passwordHash names a technical account's password for those who have the client secret, and for nobody else: the database alone does not help to guess it.
func passwordHash(key string, c chorus.Config) []byte {
	mac := hmac.New(sha256.New, derive(c.ClientSecret, "choriste/password/v1/"+key))
	_, _ = mac.Write([]byte(c.Login + "\x00" + c.Password.Reveal()))
	return mac.Sum(nil)
}

func derive(secret chorus.Secret, info string) []byte {
	b, err := hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, info, 32)
	if err != nil {
		panic(err) // too long a key was asked for, which 32 bytes are not
	}
	return b
}

// share writes down what the fleet shares, as this process's settings say.
func (w *Worker) share(ctx context.Context) (err error) {
	w.unshared.Store(false)
	defer func() {
		if err != nil {
			w.unshared.Store(true)
		}
	}()
	if err := w.store.EnsureAccounts(ctx, w.names()); err != nil {
		return err
	}
	if err := w.store.EnsureWebhooks(ctx, w.webhooks()); err != nil {
		return err
	}
	list, behind := w.breakers()
	if err := w.store.EnsureBreakers(ctx, list, behind); err != nil {
		return err
	}
	w.spoken.Store(true)
	if _, err := w.store.SayConfigured(ctx, w.configured()); err != nil {
		return err
	}
	if err := w.store.SetMaintenance(ctx, w.cfg.Maintenance); err != nil {
		return err
	}
	for _, app := range w.applications() {
		if err := app.budget.Open(ctx); err != nil {
			return err
		}
	}
	if err := w.store.Heed(ctx); err != nil {
		return err
	}
	w.recall()
	return w.able(ctx)
}

// able tells the fleet which accounts this worker can send for.
func (w *Worker) able(ctx context.Context) error {
	if !w.opened.Load() {
		return nil
	}
	var names []string
	for name, a := range w.jobs.Accounts() {
		if a.Gate.Open() {
			names = append(names, name)
		}
	}
	asked, err := w.store.Able(ctx, names, w.names())
	for _, name := range asked {
		w.cfg.Log.Info("nobody could send for this account for a while: its deposits wait until Chorus Pro has listed what it has got since", "account", name)
	}
	if len(asked) > 0 {
		w.wake()
	}
	return err
}

// configured is what this process is configured with.
func (w *Worker) configured() store.Configured {
	c := store.Configured{Accounts: w.names(), Settings: []string{w.shared()}, Slots: []string{strconv.Itoa(w.cfg.InFlight)}}
	for _, app := range w.applications() {
		c.Paces = append(c.Paces, app.budget.Pace())
	}
	breakers, _ := w.breakers()
	for _, b := range breakers {
		c.Breakers = append(c.Breakers, b.Key)
	}
	for _, h := range w.webhooks() {
		c.Webhooks = append(c.Webhooks, h.Name)
	}
	return c
}

// unsay ends what this process has said, so that what only it was configured with is gone at once.
func (w *Worker) unsay(ctx context.Context) {
	if !w.spoken.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = w.store.Unsay(ctx, w.configured()) // else it is gone a little later
}

// say tells the fleet what this process is configured with. What is not known any more, because this process was silent for long, is shared anew.
func (w *Worker) say(ctx context.Context) error {
	now := w.configured()
	unknown, err := w.store.SayConfigured(ctx, now)
	if err == nil {
		err = w.store.SayDelays(ctx, w.life, w.cfg.Settings.Horizon(), w.cfg.Settings.UnreadAfter())
	}
	if err != nil {
		return err
	}
	if gone := w.said.Without(now); !gone.Empty() {
		if err := w.store.Unsay(ctx, gone); err != nil {
			return err
		}
	}
	w.said = now
	if unknown {
		w.unshared.Store(true)
	}
	if err := w.compareSettings(ctx); err != nil {
		return err
	}
	if err := w.store.Heed(ctx); err != nil {
		return err
	}
	if err := w.store.ForgetGone(ctx); err != nil {
		return err
	}
	return w.able(ctx) // last: it waits for accounts that somebody has locked
}

// names are all accounts that this process is configured with.
func (w *Worker) names() []string { return slices.Collect(maps.Keys(w.jobs.Accounts())) }

func (w *Worker) applications() map[string]*application {
	w.setting.Lock()
	defer w.setting.Unlock()
	return w.roster.applications
}

// keepEvery is how often the accounts' rows are looked at: so soon after `choriste resume` an account is tried again.
const keepEvery = time.Second

// keepAccounts shares what is configured, has accounts tried that were not accepted yet, and lets those go on that have got another password. It does not
// wait for accounts that are being tried: one that is slow does not hold up the others.
func (w *Worker) keepAccounts(ctx, life context.Context) error {
	if w.unshared.Load() {
		if err := w.share(ctx); err != nil {
			return err
		}
	}
	accounts := w.jobs.Accounts()
	hashes := make(map[string][]byte, len(accounts))
	for name, a := range accounts {
		hashes[name] = a.Gate.Hash()
	}
	standings, err := w.store.Standings(ctx, hashes)
	for name, st := range standings {
		w.loops.background("account", func() { accounts[name].Gate.Keep(life, st) })
	}
	return err
}

// remindEvery is how often the age of credentials is looked at; they age by the day.
const remindEvery = time.Hour

// recall has the credentials looked at now.
func (w *Worker) recall() {
	select {
	case w.recalled <- struct{}{}:
	default:
	}
}

// remind says which credentials end soon.
func (w *Worker) remind(ctx context.Context) error {
	_, hashes, err := w.secrets(ctx)
	if err != nil {
		return err
	}
	reminders, err := w.store.Remind(ctx, w.names(), hashes)
	for _, r := range reminders {
		switch r.Code {
		case "PASSWORD_EXPIRES":
			w.cfg.Log.Warn("the technical account's password ends soon: have it changed at Chorus Pro", "account", r.What, "days", r.Days)
		default:
			w.cfg.Log.Warn("the client secret is old: PISTE advises a new one every three months", "application", r.What, "days", r.Days)
		}
	}
	return err
}

// secrets is for how many days the fleet has used the client secret of each application, by the application's name, and the secrets' fingerprints.
func (w *Worker) secrets(ctx context.Context) (days map[string]int, hashes [][]byte, err error) {
	days = map[string]int{}
	for _, app := range w.applications() {
		n, err := w.store.SecretUsed(ctx, store.Secret{Key: app.key, Name: app.name, Hash: app.tokens.secret})
		if err != nil {
			return nil, nil, err
		}
		days[app.name] = n
		hashes = append(hashes, app.tokens.secret)
	}
	return days, hashes, nil
}
