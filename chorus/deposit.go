package chorus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/choriste/choriste/crash"
)

// File is what is deposited: one invoice.
type File struct {
	Nom     string // nomFichier: letters, digits, - _ . only, at most 50 characters with its extension
	Syntaxe string // syntaxeFlux, as IN_DP_E2_CII_FACTURX
	Contenu []byte // sent as they are, at most MaxFile
}

// MaxFile is the largest file that is sent, in bytes: one file not compressed has 10 MB at most (docs/chorus-pro.md §6.1), as invoice.MaxBytes says too.
const MaxFile = 10 << 20

var fileName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,49}$`)

func (f File) validate() string {
	switch {
	case !fileName.MatchString(f.Nom):
		return "nomFichier is not 1 to 50 of the characters A-Z a-z 0-9 _ . -"
	case f.Syntaxe == "":
		return "syntaxeFlux is missing"
	case len(f.Contenu) == 0:
		return "the file is empty"
	case len(f.Contenu) > MaxFile:
		return fmt.Sprintf("the file is larger than %d bytes", MaxFile)
	}
	return ""
}

// Deposit is one request, complete in memory, of which nothing has left.
//
// It is made in two steps because the caller commits in between that a request may be in the air: a crash after Send began
// leaves no other trace of it.
type Deposit struct {
	client *Client
	op     operation
	req    *http.Request
	body   *sent
	token  *Token
	begun  atomic.Bool
	kept   []byte
}

// Format implements fmt.Formatter: a deposit prints as its size, never as its content.
func (d *Deposit) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "chorus.Deposit(%d bytes)", d.body.Size())
}

// Receipt is the portal's word that it has the file, which says nothing about whether the invoice is valid; or, of a submission, that it has the invoice.
type Receipt struct {
	NumeroFluxDepot string // never empty, but of a submission
	DateDepot       Date
	SyntaxeFlux     string

	// Of a submission only.
	IdentifiantFactureCPP int64
	NumeroFacture         string // as the portal has it
	StatutFacture         string
	Exchange
}

// Prepare builds the request for one file, gets a token and a permit for it, in that order, and sends nothing. Its errors
// are all NotSent; FaultDocument means that this file can never be sent.
//
// The permit is for a request that leaves soon: commit, and Send, which waits for the moment itself.
func (c *Client) Prepare(ctx context.Context, f File) (*Deposit, error) {
	if problem := f.validate(); problem != "" {
		return nil, before(ctx, opDeposit.name, FaultDocument, problem, nil)
	}
	body, err := newDepositBody(f)
	if err != nil {
		return nil, before(ctx, opDeposit.name, FaultDocument, "request cannot be encoded", nil)
	}
	return c.prepare(ctx, opDeposit, body)
}

func (c *Client) prepare(ctx context.Context, op operation, b body) (*Deposit, error) {
	token, err := c.token(ctx)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(crash.Point(crash.AfterToken), crash.Point(crash.BeforeQuota)); err != nil {
		return nil, before(ctx, op.name, FaultLocal, "stopped before the permit", err)
	}
	if err := c.permit(ctx, op, LaneSubmit); err != nil {
		return nil, err
	}
	// The wait for the permit may have eaten the token's margin. One that is still shorter afterwards is all that the
	// source has: it is used, for the gateway's refusal of a token is harmless (NotLanded).
	if token.left() < c.depositTimeout+tokenReserve {
		if token, err = c.token(ctx); err != nil {
			return nil, err
		}
	}
	req, s, err := c.request(op, token, b)
	if err != nil {
		return nil, before(ctx, op.name, FaultConfiguration, "request cannot be built", nil)
	}
	return &Deposit{client: c, op: op, req: req, body: s, token: &token}, nil
}

// Send deposits: one connection, one request, one deadline (Config.DepositTimeout, or ctx if that ends earlier). After
// leaveBy nothing of the request leaves any more, by either clock: a process that was stopped in between does not send what
// has been given up meanwhile. Zero means no such limit. It may be called once. OutcomeOf(err) says what is known afterwards; an error that a second call gives is Ambiguous, because the
// first one's outcome is not this one's to tell.
//
// A crash in here leaves a request that may or may not have arrived, and only the caller's commit before it tells so.
func (d *Deposit) Send(ctx context.Context, leaveBy time.Time) (Receipt, error) {
	if !d.begun.CompareAndSwap(false, true) {
		return Receipt{}, &Error{Op: d.op.name, Fault: FaultConfiguration, Outcome: Ambiguous, RetryAfter: -1, Detail: "Send called twice"}
	}
	c := d.client
	d.body.deadline = leaveBy
	leave, err := c.enter(ctx, d.op)
	if err != nil {
		return Receipt{}, err
	}
	if d.body.late() {
		leave(FaultLocal, false)
		return Receipt{}, before(ctx, d.op.name, FaultLocal, errLate.Error(), nil)
	}
	r := c.send(ctx, c.deposits, d.req, d.body, c.depositTimeout, maxAnswer, nil)
	hide := c.private.with(d.token.Value.Reveal())
	v := c.weigh(read(d.op, r, hide), *d.token)
	defer v.free()
	d.keep(r, hide)
	leave(v.fault, v.detail == unclear401)
	if v.fault == FaultToken {
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		c.tokens.Reject(detached, *d.token)
	}
	if crash.Mutant(crash.LooseDecode) && r.Status == http.StatusOK {
		v.outcome = Accepted
	}
	if v.outcome != Accepted {
		return Receipt{}, v.failed(d.op)
	}
	if err := crash.Point(crash.AfterParse); err != nil {
		return Receipt{}, &Error{Op: d.op.name, Fault: FaultLocal, Outcome: Ambiguous, Exchange: v.Exchange, RetryAfter: -1}
	}
	receipt := Receipt{DateDepot: v.date("dateDepot"), Exchange: v.Exchange}
	if d.op.receipt == keyFlux {
		receipt.NumeroFluxDepot, receipt.SyntaxeFlux = v.flux(), v.text("syntaxeFlux")
	} else {
		receipt.IdentifiantFactureCPP, receipt.NumeroFacture, receipt.StatutFacture = v.id(keyFacture), v.text("numeroFacture"), v.text("statutFacture")
	}
	return receipt, nil
}
