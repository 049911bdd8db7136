package console

import (
	"context"
	"math"
	"strconv"
	"strings"

	"github.com/choriste/choriste/store"
)

// What waits for a second person (chorus.ask) is on the page of its invoice. Whoever may act there agrees or refuses; the database keeps who asked from agreeing.

// request says what is asked for.
func (v view) request(action string, override bool) string {
	switch {
	case override:
		return v.t("that it is sent again when one search does not find it", "qu'elle soit renvoyée si une recherche ne la trouve pas")
	case action == "lookup":
		return v.t("that it is looked up again, by the ordinary rules", "qu'elle soit recherchée de nouveau, selon les règles ordinaires")
	}
	return v.t("that it is sent again once proven absent", "qu'elle soit renvoyée si son absence est prouvée")
}

// answerRequest agrees to a request or refuses it, and leads back.
func (c *console) answerRequest(ctx context.Context, v view) (content, error) {
	id, err := strconv.ParseInt(v.PathValue("id"), 10, 64)
	if err != nil || id < 1 || id == math.MaxInt64 {
		return content{}, errNotFound
	}
	reason := strings.TrimSpace(v.PostForm.Get("reason"))
	if reason == "" || len(reason) > mostReason {
		return content{}, wrongInput(v.sayWhy())
	}
	switch v.PostForm.Get("answer") {
	case "agree":
		_, err = c.operator.Agree(ctx, id, reason)
	case "refuse":
		_, err = c.operator.Decline(ctx, id, reason)
	default:
		return content{}, wrongInput(v.t("Agree, or refuse.", "Donnez votre accord, ou refusez."))
	}
	if err != nil {
		return content{}, v.notAnswered(err)
	}
	return content{to: v.before()}, nil
}

// notAnswered is why a request was not answered.
func (v view) notAnswered(err error) error {
	switch store.SQLState(err) {
	case "CH020":
		return errNotFound
	case "CH028":
		return forbiddenWhy(v.t("Another person must agree: not who asked, under whatever name, and nobody whom the console does not know.",
			"Une autre personne doit donner son accord : ni qui a demandé, sous quelque nom que ce soit, ni une personne que la console ne connaît pas."))
	case "CH027":
		return wrongInput(v.t("This request is not open any more: it was answered, or has lapsed.", "Cette demande n'est plus ouverte : elle a reçu une réponse, ou a expiré."))
	}
	return refusal(err)
}

// forbiddenWhy is an error of who may not do this, in his language.
type forbiddenWhy string

func (e forbiddenWhy) Error() string { return string(e) }
