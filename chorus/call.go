package chorus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/choriste/choriste/chorus/answers"
)

// verdict is what an answer is worth.
type verdict struct {
	object   // none unless the answer is one JSON object
	Exchange Exchange
	rule
	retryAfter time.Duration
	err        error
	done       func() // with the answer's bytes; nil: they are few
}

// free gives back the room that a large answer takes, once what is needed of it has been read.
func (v verdict) free() {
	if v.done != nil {
		v.done()
	}
}

// failed makes the error of a verdict that is none of success.
func (v verdict) failed(op operation) *Error {
	e := &Error{Op: op.name, Fault: v.fault, Exchange: v.Exchange, RetryAfter: v.retryAfter, Detail: v.detail, err: v.err}
	if op.kind&writes != 0 {
		e.Outcome = v.outcome
	}
	return e
}

// read judges one reply. It is the only place where an answer becomes knowledge.
func read(op operation, r reply, hide redactor) verdict {
	v := verdict{Exchange: r.Exchange, retryAfter: -1, err: r.err, done: r.free}
	if r.Status == 0 {
		v.rule = rule{outcome: Ambiguous, fault: r.fault, detail: r.why}
		if !r.Connected {
			v.outcome = NotSent
		}
		return v
	}
	v.retryAfter = retryAfter(r.header)
	v.Exchange.CorrelationID = correlation(r.header, hide)
	s := challengeSigns(r.header)
	if r.opened {
		s |= opened
	}
	if r.why != "" {
		v.rule = judge(op.kind, r.Status, nil, "", s|unread)
		v.fault, v.detail = r.fault, r.why
		return v
	}

	o, err := parseAnswer(r.body, hide)
	if err == nil && !o.otherCase(keyCode, keyFlux) {
		v.object = o
		v.Exchange.CodeRetour = o.code()
		v.Exchange.Libelle = o.text("libelle")
		v.Exchange.Message = message(o.raw("libelle"))
		s |= bodySigns(op, o, v.Exchange)
	}
	if len(bytes.TrimSpace(r.body)) == 0 && r.header.Get("X-CorrelationID") != "" {
		s |= gateway
	}
	v.rule = judge(op.kind, r.Status, v.Exchange.CodeRetour, v.Exchange.Message, s)
	return v
}

func bodySigns(op operation, o object, ex Exchange) (s signs) {
	if ex.CodeRetour != nil {
		s |= coded
		if *ex.CodeRetour == 0 {
			s |= zero
		}
	}
	if key := op.receipt; key != "" {
		if !o.absent(key) && string(o.fields[key]) != `""` {
			s |= named
		}
		if key == keyFlux && o.flux() != "" || key == keyFacture && o.id(key) > 0 {
			s |= numbered
		}
	}
	if answers.Duplicate(ex.Libelle) {
		s |= asDuplicate
	}
	value, said := o.integer("statusCodeValue")
	if o.text("statusCode") == "OK" && (!said || value == 200) {
		s |= healthy
	}
	if (o.holds("error") || o.holds("errors")) && !o.holds(keyCode) {
		s |= gateway
	}
	return s
}

// call makes one read, or one change, and once more when the gateway refused the token: then nothing has been done.
func (c *Client) call(ctx context.Context, op operation, lane Lane, in any) (verdict, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return verdict{}, before(ctx, op.name, FaultConfiguration, "request cannot be encoded", nil)
	}
	return c.callWith(ctx, op, lane, bytesBody{bytes.NewReader(b)})
}

// callWith is call with a body that is made already.
func (c *Client) callWith(ctx context.Context, op operation, lane Lane, b body) (verdict, error) {
	hc, timeout := c.reads, c.readTimeout
	if op.kind == change { // a connection that the other side is just closing would leave it open whether it was done
		hc, timeout = c.deposits, c.depositTimeout
	}
	return c.exchange(ctx, op, lane, b, hc, timeout, nil)
}

// exchange is callWith over this connection, within this time, and with the file in the answer taken out of it, if it is asked for.
func (c *Client) exchange(ctx context.Context, op operation, lane Lane, b body, hc *http.Client, timeout time.Duration, file *lift) (verdict, error) {
	for first := true; ; first = false {
		token, err := c.token(ctx)
		if err != nil {
			return verdict{}, err
		}
		if err := c.permit(ctx, op, lane); err != nil {
			return verdict{}, err
		}
		if !first {
			b = b.again()
		}
		req, s, err := c.request(op, token, b)
		if err != nil {
			return verdict{}, before(ctx, op.name, FaultConfiguration, "request cannot be built", nil)
		}
		leave, err := c.enter(ctx, op)
		if err != nil {
			return verdict{}, err
		}
		// A verdict that is returned with an error has no answer to be read any more.
		v := c.weigh(read(op, c.send(ctx, hc, req, s, timeout, maxRead, file), c.private.with(token.Value.Reveal())), token)
		leave(v.fault, v.detail == unclear401)
		if v.fault == FaultToken {
			c.tokens.Reject(ctx, token)
			if first {
				v.free()
				continue
			}
		}
		if v.fault != "" {
			v.free()
			return verdict{Exchange: v.Exchange}, v.failed(op)
		}
		return v, nil
	}
}

// weigh settles a 401 that does not say what it refuses: the first time it is laid on the token, and on the account when
// a newer token meets the same (docs/chorus-pro.md §3.4).
func (c *Client) weigh(v verdict, token Token) verdict {
	switch {
	case v.Exchange.Status != 401:
		if v.Exchange.Status != 0 {
			c.unclear.Store(0)
		}
	case v.detail == unclear401:
		if earlier := c.unclear.Load(); earlier != 0 && token.Generation > earlier {
			v.fault, v.detail = FaultAccount, "refused with two tokens in a row, without saying why"
		} else {
			c.unclear.Store(token.Generation)
		}
	}
	return v
}

// permit waits for the budget.
func (c *Client) permit(ctx context.Context, op operation, lane Lane) error {
	if c.budget == nil {
		return nil
	}
	if err := c.budget.Take(ctx, lane); err != nil {
		return before(ctx, op.name, FaultLocal, "no permit to send", err)
	}
	return nil
}

// depart waits for the moment to leave.
func (c *Client) depart(ctx context.Context) (left func(), err error) {
	if c.budget == nil {
		return func() {}, nil
	}
	return c.budget.Depart(ctx)
}

// enter passes the gate.
func (c *Client) enter(ctx context.Context, op operation) (leave func(Fault, bool), err error) {
	if c.gate == nil {
		return func(Fault, bool) {}, nil
	}
	if leave, err = c.gate.Enter(ctx); err != nil {
		return nil, before(ctx, op.name, FaultLocal, "the technical account is not to be used now", err)
	}
	return leave, nil
}

// token gives a token that can be sent.
func (c *Client) token(ctx context.Context) (Token, error) {
	t, err := c.tokens.Token(ctx)
	var own *Error
	switch {
	case errors.As(err, &own):
		return Token{}, own
	case err != nil:
		return Token{}, before(ctx, opToken, FaultLocal, "no token to be had", err)
	case !headerSafe(t.Value.Reveal()) || t.left() <= 0:
		return Token{}, before(ctx, opToken, FaultLocal, "the token source gave no living token", nil)
	}
	return t, nil
}

// unusable is an answer that says success and lacks what it promises.
func unusable(op operation, v verdict, detail string) error {
	e := &Error{Op: op.name, Fault: FaultPortal, Exchange: v.Exchange, RetryAfter: -1, Detail: detail}
	if op.kind&writes != 0 {
		e.Outcome = Ambiguous
	}
	return e
}
