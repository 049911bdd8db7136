// Package chorus is a client of Chorus Pro, the French state's invoice portal, through its gateway PISTE.
//
// It speaks the portal's own words (numeroFluxDepot, statut, identifiantFactureCPP) and answers, for every request, the one
// question that matters: what do we now know? A deposit ends in one of six outcomes (see [Outcome]) of which only two allow
// another deposit of the same invoice; a read ends in a value or in an [Error] whose [Fault] says who has to act.
//
// What this package relies on about the portal, with the weight of each fact, is kept in docs/chorus-pro.md; the sections
// cited in the code are sections of that file.
//
// The rooms: transport.go holds every line of HTTP, token.go the OAuth token, classify.go the table that turns an answer into
// a verdict, answer.go the lenient decoding; then a file per family of operations: deposit.go, flux.go, search.go, history.go,
// structures.go, and statuts.go for what the statuses mean.
//
// The client never repeats a deposit. It repeats a read once, when the gateway refused the token. Every other retry belongs
// to the caller.
package chorus
