package store

import (
	"regexp"
	"strings"
	"sync"
)

// InFrench is what the database's rules say (class CH, and why an invoice is not resolved) in French, with the same values in the same order; false: it is not known here, and stays English.
func InFrench(text string) (string, bool) {
	for _, r := range refusals() {
		if found := r.english.FindStringSubmatch(text); found != nil {
			french := r.french
			for _, value := range found[1:] {
				value, _ = InFrench(value) // a reason within a refusal
				french = strings.Replace(french, "%", strings.ReplaceAll(value, "%", "\x00"), 1)
			}
			return strings.ReplaceAll(french, "\x00", "%"), true
		}
	}
	return text, false
}

type refusal struct {
	english *regexp.Regexp
	french  string
}

var refusals = sync.OnceValue(func() (list []refusal) {
	for _, pair := range inFrench {
		values := strings.ReplaceAll(regexp.QuoteMeta(pair[0]), "%", "(.*?)")
		list = append(list, refusal{regexp.MustCompile(`(?s)^` + values + `$`), pair[1]})
	}
	return list
})

// inFrench has what the functions and triggers of the schema say, each % for a value.
var inFrench = [...][2]string{
	{"there is no account %", "il n'y a pas de compte %"},
	{"there is no completion %", "il n'y a pas de complément %"},
	{"there is no finding %", "il n'y a pas d'écart %"},
	{"there is no invoice %", "il n'y a pas de facture %"},
	{"there is no request %", "il n'y a pas de demande %"},
	{"there is no view %", "il n'y a pas de vue %"},
	{"there is no webhook %", "il n'y a pas de webhook %"},
	{"no account sees such a supplier structure: check the account and the SIRET", "aucun compte ne voit cette structure fournisseur : vérifiez le compte et le SIRET"},

	{"a retry needs a reason", "une relance demande un motif"},
	{"accepting a finding needs a reason", "accepter un écart demande un motif"},
	{"reopening a finding needs a reason", "rouvrir un écart demande un motif"},
	{"allowing resubmission again needs a reason", "permettre de nouveau le renvoi demande un motif"},
	{"erasing an account needs a reason", "effacer un compte demande un motif"},
	{"how long documents are kept needs a reason", "la durée de conservation des documents demande un motif"},
	{"pausing an account needs a reason", "mettre un compte en pause demande un motif"},
	{"pausing a webhook needs a reason", "mettre un webhook en pause demande un motif"},
	{"resolving a parked invoice needs a reason", "trancher une facture demande un motif"},
	{"taking an invoice off the list, or putting it back, needs a reason", "retirer une facture de la liste, ou l'y remettre, demande un motif"},
	{"to agree to a request, or to refuse it, needs a reason", "donner son accord à une demande, ou la refuser, demande un motif"},
	{"to skip an event needs a reason", "sauter un événement demande un motif"},

	{"finding % is %: only an accepted one is opened again", "l'écart % est % : seul un écart accepté se rouvre"},
	{"finding % is % already", "l'écart % est déjà %"},
	{"the period from % to % is empty or longer than a year", "la période du % au % est vide ou dépasse un an"},

	{"an invoice is resolved by accept, lookup, resubmit or abandon", "une facture se tranche par accept, lookup, resubmit ou abandon"},
	{"a flux is named to accept it, and for nothing else", "un flux se nomme pour l'accepter, et pour rien d'autre"},
	{"override goes with resubmit and abandon only", "override ne va qu'avec resubmit et abandon"},
	{"invoice % is %: only parked invoices are resolved", "la facture % est % : seules celles qui sont à trancher (parked) se tranchent"},
	{"invoice % may be at Chorus Pro, and the last look-up could not tell (%): let the account see its supplier's invoices and look it up again, or see at the portal that it is not there and abandon it with override; inserted anew, it would be sent", "la facture % est peut-être chez Chorus Pro, et la dernière recherche n'a pas pu le dire (%) : donnez au compte le droit de voir les factures de son fournisseur et recherchez-la de nouveau, ou constatez sur le portail qu'elle n'y est pas et abandonnez-la avec override ; insérée à nouveau, elle serait envoyée"},
	{"invoice % was accepted against expectation, so it cannot be sent again; accept the flux that counts", "la facture % a été acceptée contre toute attente, et ne peut donc pas être renvoyée ; acceptez le flux qui compte"},
	{"invoice % was never sent: there is nothing to look for", "la facture % n'a jamais été envoyée : il n'y a rien à rechercher"},
	{"invoice %: attempt % was accepted as %; accept it, or abandon it with override", "facture % : la tentative % a été acceptée comme % ; acceptez-la, ou abandonnez-la avec override"},
	{"invoice %: Chorus Pro holds it as %, so it cannot be sent again", "facture % : Chorus Pro la détient comme %, elle ne peut donc pas être renvoyée"},
	{"invoice %: its document was purged on %, so it cannot be sent again; look it up, or abandon it and insert the document anew", "facture % : son document a été purgé le %, elle ne peut donc pas être renvoyée ; recherchez-la, ou abandonnez-la et insérez le document à nouveau"},
	{"invoice %: nothing here says that this flux is the invoice's; known: %", "facture % : rien ici ne dit que ce flux est le sien ; connus : %"},
	{"invoice %: say which flux is meant: %", "facture % : dites de quel flux il s'agit : %"},
	{"invoice %: there is no flux to accept; neither a deposit was acknowledged nor did the last look-up find one", "facture % : il n'y a pas de flux à accepter ; aucun dépôt n'a été acquitté, et la dernière recherche n'en a pas trouvé"},

	{"invoice % has changed since it was looked at: look at it again", "la facture % a changé depuis qu'elle a été consultée : consultez-la de nouveau"},
	{"invoice % is % and cannot be cancelled any more", "la facture % est % et ne peut plus être annulée"},
	{"invoice %: cancellation has been asked for already", "facture % : l'annulation est déjà demandée"},
	{"invoice % is %: nothing is sent for it any more, and no file", "la facture % est % : plus rien n'est envoyé pour elle, aucune pièce non plus"},
	{"invoice % is %: only invalid and rejected invoices are taken off the list, everything else leaves it by itself", "la facture % est % : seules les factures invalides et rejetées se retirent de la liste, tout le reste la quitte de soi-même"},
	{"invoice % was not taken off the list", "la facture % n'a pas été retirée de la liste"},
	{"invoice % is %: only invalid invoices and rejected fluxes can be retried", "la facture % est % : seules les factures invalides et les flux rejetés se relancent"},
	{"invoice % is parked: it is resolved, not retried", "la facture % est à trancher (parked) : elle se tranche, elle ne se relance pas"},
	{"invoice % was refused by its recipient: its number is used up, replace it", "la facture % a été refusée par son destinataire : son numéro est consommé, remplacez-la"},
	{"invoice % was taken off the list by % on % (%): to retry it, put it back first (choriste todo restore %)", "la facture % a été retirée de la liste par % le % (%) : pour la relancer, remettez-l'y d'abord (choriste todo restore %)"},
	{"invoice %: another invoice has its number, or its place, since", "facture % : une autre facture a son numéro, ou sa place, depuis"},
	{"invoice %: another one replaces the same invoice since", "facture % : une autre remplace la même facture depuis"},
	{"invoice %: its document was purged on %: insert the document again, under another external_ref", "facture % : son document a été purgé le % : insérez le document à nouveau, sous un autre external_ref"},
	{"invoice % is % (%): only what is % at Chorus Pro can be %", "la facture % est % (%) : seule celle qui est % chez Chorus Pro peut être %"},
	{"invoice %: a remedy is under way already", "facture % : un remède est déjà en cours"},
	{"recycling needs another recipient, service or commitment", "un recyclage demande un autre destinataire, service ou engagement"},
	{"a recipient is a SIRET of 14 digits, a service has at most 100 characters, a commitment at most 50", "un destinataire est un SIRET de 14 chiffres, un service a 100 caractères au plus, un engagement 50 au plus"},
	{"completion % has begun: attach files in the transaction that asks for it", "le complément % a commencé : joignez les pièces dans la transaction qui le demande"},
	{"the attachments of one completion are at most 50, with 118 MB", "les pièces d'un complément sont 50 au plus, avec 118 Mo"},
	{"the attachments of one invoice are at most 50, with 118 MB", "les pièces d'une facture sont 50 au plus, avec 118 Mo"},
	{"the name of an attachment has at most 50 characters, with its extension, and no path", "le nom d'une pièce a 50 caractères au plus, extension comprise, et pas de chemin"},
	{"an attachment's extension must be one that Chorus Pro takes, as PDF", "l'extension d'une pièce doit être de celles que Chorus Pro prend, comme PDF"},
	{"an attachment holds more than nothing and less than 10 MB", "une pièce n'est pas vide et fait moins de 10 Mo"},

	{"%: request % waits for a second person until % UTC", "% : la demande % attend une seconde personne jusqu'au % UTC"},
	{"request % has lapsed on % UTC: ask anew", "la demande % est caduque depuis le % UTC : demandez de nouveau"},
	{"request % was % on % UTC", "la demande % a été % le % UTC"},
	{"request %: nobody was asked who he is, so it is not known that two people agree: let people sign in", "demande % : personne n'a dû dire qui il est, on ne sait donc pas si deux personnes sont d'accord : faites que l'on s'identifie"},
	{"request %: what was asked for in the console is agreed to there, and what was asked for by a login by another login", "demande % : ce qui a été demandé dans la console y reçoit l'accord, et ce qu'un login a demandé le reçoit d'un autre login"},
	{"request %: who asked cannot agree: another person must", "demande % : qui a demandé ne peut pas donner l'accord : il faut une autre personne"},

	{"documents are kept for a day at least, and for 36500 days at most; null is for ever", "les documents se gardent un jour au moins, et 36500 jours au plus ; null vaut pour toujours"},
	{"nothing is purged now: %", "rien n'est purgé maintenant : %"},
	{"the database's clock was set less than a day ago", "l'horloge de la base a été réglée il y a moins d'un jour"},
	{"no worker has run for a day without a break, so nobody knows whether the database's clock was set: let one run for a day (choriste work)", "aucun worker n'a tourné un jour sans interruption, personne ne sait donc si l'horloge de la base a été réglée : laissez-en tourner un pendant un jour (choriste work)"},
	{"the database was restored, and what it may have forgotten is being looked up", "la base a été restaurée, et ce qu'elle peut avoir oublié est recherché en ce moment"},
	{"invoice %: nothing is purged now: %", "facture % : rien n'est purgé maintenant : %"},
	{"invoice % is %, or somebody still needs its document: it is not purged", "la facture % est %, ou quelqu'un a encore besoin de son document : elle n'est pas purgée"},
	{"invoice %: its document is kept longer", "facture % : son document est gardé plus longtemps"},

	{"there are 50 views, and no more can be saved: delete one first", "il y a 50 vues, et aucune autre ne peut être enregistrée : supprimez-en une d'abord"},
	{"a view has a name of 1 to 60 characters, without controls, and a query of 1 to 1000 bytes", "une vue a un nom de 1 à 60 caractères, sans caractère de contrôle, et une requête de 1 à 1000 octets"},
	{"a worker is configured with the webhook %: take it out of every worker's CHORISTE_WEBHOOKS_FILE first; 30 seconds later it can be forgotten", "un worker est configuré avec le webhook % : retirez-le d'abord du CHORISTE_WEBHOOKS_FILE de chaque worker ; 30 secondes plus tard il peut être oublié"},
	{"no worker runs, and the last one was configured with the webhook %: take it out of every worker's CHORISTE_WEBHOOKS_FILE and start one; 30 seconds later it can be forgotten", "aucun worker ne tourne, et le dernier était configuré avec le webhook % : retirez-le du CHORISTE_WEBHOOKS_FILE de chaque worker et démarrez-en un ; 30 secondes plus tard il peut être oublié"},
	{"webhook %: a replay begins at an event from 1 to %, which it is done with", "webhook % : une reprise commence à un événement de 1 à %, qu'il a déjà traité"},
	{"webhook %: some events from % on are in an archive: choriste partition list says in which, and choriste partition attach brings them back", "webhook % : des événements à partir de % sont dans une archive : choriste partition list dit laquelle, et choriste partition attach les ramène"},
	{"the month % stays: %", "le mois % reste : %"},
	{"this login sees some accounts only: a month is everybody's", "ce login ne voit que certains comptes : un mois est à tous"},
	{"the database's clock was set less than a day ago: no month begins now", "l'horloge de la base a été réglée il y a moins d'un jour : aucun mois ne commence maintenant"},
	{"the month % has % events, and the file %", "le mois % a % événements, et le fichier %"},
	{"there is no month % in chorus.events", "il n'y a pas de mois % dans chorus.events"},
	{"event % does not fit the chain over history: choriste verify --database says more", "l'événement % ne s'inscrit pas dans la chaîne de l'historique : choriste verify --database en dit plus"},
	{"the month % is not what left: % events, and % were written down", "le mois % n'est pas ce qui était parti : % événements, et % étaient notés"},
	{"a month stays for a day at least after its last invoice was final", "un mois reste au moins un jour après la fin de sa dernière facture"},
	{"events are still written to it: choriste partition apply begins the month that is", "des événements y sont encore écrits : choriste partition apply commence le mois en cours"},
	{"it holds nothing", "il ne contient rien"},
	{"its last event is not as old as was asked for", "son dernier événement n'est pas aussi ancien que demandé"},
	{"% of its invoices are not final", "% de ses factures ne sont pas terminées"},
	{"% of its invoices have been final for too short, or something of them is under way", "% de ses factures sont terminées depuis trop peu, ou quelque chose en est en cours"},
	{"% of its events have no number yet: let a worker run", "% de ses événements n'ont pas encore de numéro : laissez tourner un worker"},
	{"no younger event has a number yet: let a worker run", "aucun événement plus récent n'a encore de numéro : laissez tourner un worker"},
	{"its moves are not counted yet: let a worker run", "ses mouvements ne sont pas encore comptés : laissez tourner un worker"},
	{"the webhook % has not been told of all of it", "le webhook % n'en a pas encore tout reçu"},
	{"webhook %: no event is held up, there is nothing to skip", "webhook % : aucun événement n'est retenu, il n'y a rien à sauter"},

	{`column "document" is empty: it must hold the invoice file (Factur-X PDF, CII or UBL)`, `la colonne « document » est vide : elle doit contenir le fichier de la facture (PDF Factur-X, CII ou UBL)`},
	{`column "document" holds % bytes: at most % are sent, make its attachments smaller`, `la colonne « document » contient % octets : % au plus sont envoyés, réduisez ses pièces jointes`},
	{`column "syntaxe_flux" holds a value that Chorus Pro does not know: leave it null to have it recognised`, `la colonne « syntaxe_flux » contient une valeur que Chorus Pro ne connaît pas : laissez-la nulle pour qu'elle soit reconnue`},
	{`column "account" names an account that no worker has been configured with, or that is not mapped to your login`, `la colonne « account » nomme un compte avec lequel aucun worker n'a été configuré, ou qui n'est pas attribué à votre login`},
	{`column "replaces" names no invoice of this account`, `la colonne « replaces » ne nomme aucune facture de ce compte`},
	{`column "replaces": invoice % is % (%), and only one that its recipient refused is replaced`, `colonne « replaces » : la facture % est % (%), et seule une facture refusée par son destinataire se remplace`},
	{`column "replaces": invoice % is replaced by invoice % already`, `colonne « replaces » : la facture % est déjà remplacée par la facture %`},
	{`column "metadata" holds more than 65536 bytes, more than 32 levels, or a number beyond a double: keep the rest in a table of your own`, `la colonne « metadata » contient plus de 65536 octets, plus de 32 niveaux, ou un nombre au-delà d'un double : gardez le reste dans une table à vous`},
	{`column "fields" holds no object, more than 65536 bytes, more than 32 levels, or a number beyond a double: it describes a PDF without XML (docs/sql.md)`, `la colonne « fields » ne contient pas d'objet, ou plus de 65536 octets, plus de 32 niveaux, ou un nombre au-delà d'un double : elle décrit un PDF sans XML (docs/sql.fr.md)`},
	{`column "not_before" is infinite or more than five years ahead: leave it null to have the invoice sent at once`, `la colonne « not_before » est infinie ou à plus de cinq ans : laissez-la nulle pour que la facture parte aussitôt`},
	{`column "invoice_id" names no invoice`, `la colonne « invoice_id » ne nomme aucune facture`},
	{`column "login" names no role of this server: create the login first`, `la colonne « login » ne nomme aucun rôle de ce serveur : créez d'abord le login`},
	{"another transaction of this account has asked in chorus.checks and is not committed: commit each question at once, and ask again later", "une autre transaction de ce compte a posé une question dans chorus.checks et n'est pas validée : validez chaque question aussitôt, et redemandez plus tard"},
	{"% documents of % bytes of this account wait to be checked: see that a worker runs that is configured with it, and ask again later", "% documents de % octets de ce compte attendent d'être vérifiés : veillez à ce qu'un worker configuré avec lui tourne, et redemandez plus tard"},
	{"too many documents of all accounts wait to be checked: see that a worker runs, and ask again later", "trop de documents de tous les comptes attendent d'être vérifiés : veillez à ce qu'un worker tourne, et redemandez plus tard"},
}
