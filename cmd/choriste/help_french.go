package main

import (
	"bytes"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// languageSaid is the language of a command line that is not read yet: the help is printed while it is.
func languageSaid(args []string, getenv func(string) string) string {
	lang := language(getenv)
	for k, arg := range args {
		value, joined := strings.CutPrefix(arg, "--lang=")
		if arg == "--" {
			break
		}
		if arg == "--lang" && k+1 < len(args) {
			value, joined = args[k+1], true
		}
		if joined && slices.Contains([]string{"en", "fr"}, value) {
			lang = value
		}
	}
	return lang
}

// speakFrench puts the help of all commands, arguments and flags into French. vars are what their texts may name.
func speakFrench(model *kong.Application, vars map[string]string) {
	french := func(text string) string {
		if fr, known := helpInFrench[text]; known {
			return os.Expand(fr, func(name string) string { return vars[name] })
		}
		return text // a test fails
	}
	value := func(v *kong.Value) { v.Help = french(v.OrigHelp) }
	flags := func(list []*kong.Flag) {
		for _, f := range list {
			value(f.Value)
			if fr, known := placeholdersInFrench[f.PlaceHolder]; known {
				f.PlaceHolder = fr
			}
		}
	}
	var node func(n *kong.Node)
	node = func(n *kong.Node) {
		n.Help, n.Detail = french(n.Help), french(n.Detail)
		flags(n.Flags)
		for _, arg := range n.Positional {
			value(arg)
		}
		for _, child := range n.Children {
			node(child)
		}
	}
	node(model.Node)
}

// printHelp is kong's help, of which the lines that are its own are put into the language.
func printHelp(lang string) kong.HelpPrinter {
	if lang != "fr" {
		return kong.DefaultHelpPrinter
	}
	return func(options kong.HelpOptions, ctx *kong.Context) error {
		out := ctx.Stdout
		var text bytes.Buffer
		ctx.Stdout = &text
		err := kong.DefaultHelpPrinter(options, ctx)
		ctx.Stdout = out
		if err != nil {
			return err
		}
		var french strings.Builder
		for line := range strings.Lines(text.String()) {
			french.WriteString(frameInFrench(line))
		}
		_, err = out.Write([]byte(french.String()))
		return err
	}
}

func frameInFrench(line string) string {
	switch {
	case line == "Flags:\n":
		return "Options :\n"
	case line == "Arguments:\n":
		return "Arguments :\n"
	case line == "Commands:\n":
		return "Commandes :\n"
	case strings.HasPrefix(line, "Usage: "):
		return strings.NewReplacer("Usage: ", "Usage : ", "<command>", "<commande>", "[flags]", "[options]").Replace(line)
	case strings.HasPrefix(line, `Run "`) && strings.HasSuffix(line, "for more information on a command.\n"):
		return "\"choriste <commande> --help\" en dit plus sur une commande.\n"
	}
	return line
}

var placeholdersInFrench = map[string]string{
	"FILE": "FICHIER", "USER": "UTILISATEUR", "ENVIRONMENT": "ENVIRONNEMENT", "HOST:PORT": "HÔTE:PORT", "KIND": "GENRE", "AGE": "ÂGE", "QUERY": "REQUÊTE", "NAME": "NOM", "STATE": "ÉTAT", "DAY": "JOUR",
	"TEXT": "TEXTE", "KEY": "CLÉ", "PLACE": "PLACE", "NAME,…": "NOM,…", "EVENT": "ÉVÉNEMENT", "PERCENT": "POURCENT", "NUMBER": "NUMÉRO", "TIME": "MOMENT", "URL": "URL", "N": "N", "SIRET": "SIRET", "ID": "ID",
	"SEQ:SHA256": "SEQ:SHA256", "CODE": "CODE", "SEQ": "SEQ", "STRING": "TEXTE", "STRING,...": "TEXTE,...", "DURATION": "DURÉE", "INT": "N",
}

// helpInFrench has every text of the help. What stands in ${} is filled in as in English.
var helpInFrench = map[string]string{ //nolint:gosec // it speaks of passwords and has none
	"": "",
	"A durable invoice queue and worker for Chorus Pro. Settings are environment variables: choriste help env.": "Une file d'attente durable de factures pour Chorus Pro, et son worker. Les réglages sont des variables d'environnement : choriste help env.",
	"Show context-sensitive help.":                "Afficher l'aide de la commande.",
	"Print JSON, one object a line; errors, too.": "Écrire du JSON, un objet par ligne ; les erreurs aussi.",
	"Language of what people read: en or fr; by default that of the environment (LC_ALL, LC_MESSAGES, LANG).": "Langue de ce qui est lu : en ou fr ; par défaut celle de l'environnement (LC_ALL, LC_MESSAGES, LANG).",
	"A file with settings, NAME=VALUE a line; the environment's go over them.":                                "Un fichier de réglages, un NOM=VALEUR par ligne ; ceux de l'environnement l'emportent.",
	"Print the version.": "Écrire la version.",
	"Make a set-up: settings, files of secrets, logins, the database's schema; then examine it. Overwrites nothing; can be run again.": "Faire une installation : réglages, fichiers de secrets, logins, schéma de la base ; puis l'examiner. N'écrase rien ; peut être relancée.",
	"Where settings and secrets are written.": "Où les réglages et les secrets sont écrits.",
	"The system's user who runs choriste, and owns the secrets that a worker reads; by default choriste, if there is one and this is root, else who runs this.": "L'utilisateur du système qui exécute choriste et possède les secrets qu'un worker lit ; par défaut choriste, s'il existe et que ceci est root, sinon qui lance ceci.",
	"sandbox or production.":                    "sandbox ou production.",
	"The PISTE application's client id.":        "Le client id de l'application PISTE.",
	"A file with its secret.":                   "Un fichier avec son secret.",
	"The technical account, as TECH_…@cpro.fr.": "Le compte technique, comme TECH_…@cpro.fr.",
	"A file with its password.":                 "Un fichier avec son mot de passe.",
	"The database to be, as postgres://host:5432/choriste; by default postgres://127.0.0.1:5432/choriste.":                                              "La base à créer, comme postgres://hote:5432/choriste ; par défaut postgres://127.0.0.1:5432/choriste.",
	"A file with the address of PostgreSQL for somebody who may make logins and databases, for once. Without it, the statements are written to a file.": "Un fichier avec l'adresse de PostgreSQL pour qui peut créer des logins et des bases, une seule fois. Sans lui, les ordres SQL sont écrits dans un fichier.",
	"The HTTP proxy on the way out, as http://proxy.example.net:3128.":                                                                                  "Le proxy HTTP de sortie, comme http://proxy.example.net:3128.",
	"The login there.": "Le login sur ce proxy.",
	"A file with certificates to trust beside the system's.":  "Un fichier de certificats de confiance, en plus de ceux du système.",
	"The API's address, of a simulator or a way of your own.": "L'adresse de l'API, d'un simulateur ou d'un chemin à vous.",
	"Its token endpoint.":                                                                                                                "Son point d'accès aux jetons.",
	"These two are meant: CHORISTE_FOREIGN_HOSTS=allow.":                                                                                 "Ces deux adresses sont voulues : CHORISTE_FOREIGN_HOSTS=allow.",
	"Where the console, probes and metrics are served.":                                                                                  "Où la console, les sondes et les métriques sont servies.",
	"Say what needs a person, since when, why, and what to do; also without any command.":                                                "Dire ce qui attend quelqu'un, depuis quand, pourquoi, et que faire ; aussi sans aucune commande.",
	"Print what needs a person, and what settles itself until when.":                                                                     "Écrire ce qui attend quelqu'un, et ce qui se règle de soi-même, jusqu'à quand.",
	"Only this account; what concerns the whole fleet is left out.":                                                                      "Seulement ce compte ; ce qui concerne tous les workers est laissé de côté.",
	"Only this kind of line, as invalid, rejected, statut, parked, in_doubt.":                                                            "Seulement ce genre de ligne, comme invalid, rejected, statut, parked, in_doubt.",
	"Only what began longer ago than this, as 24h or 30d.":                                                                               "Seulement ce qui a commencé il y a plus longtemps, comme 24h ou 30d.",
	"At most so many lines; the counts are of all.":                                                                                      "Au plus tant de lignes ; les totaux comptent tout.",
	"Take an invalid or rejected invoice off the list: it was settled otherwise, or will not be sent.":                                   "Retirer de la liste une facture invalide ou rejetée : elle est réglée autrement, ou ne sera pas envoyée.",
	"Only what this query selects, as 'state:rejected siret:21750001600019 number:F-2026* older:30d amount:>1000': choriste help query.": "Seulement ce que cette requête choisit, comme 'state:rejected siret:21750001600019 number:F-2026* older:30d amount:>1000' : choriste help query.",
	"Only what this saved view selects: choriste views.":                                                                                 "Seulement ce que cette vue enregistrée choisit : choriste views.",
	"Only these states.":                                 "Seulement ces états.",
	"Only this account.":                                 "Seulement ce compte.",
	"Only with this reason code.":                        "Seulement avec ce code de motif.",
	"Only this invoice number (BT-1).":                   "Seulement ce numéro de facture (BT-1).",
	"Only this external_ref.":                            "Seulement cette référence external_ref.",
	"Only with this status at Chorus Pro, as SUSPENDUE.": "Seulement avec ce statut Chorus Pro, comme SUSPENDUE.",
	"Only to this recipient (BT-47): its SIRET, or the SIREN of all its establishments.": "Seulement vers ce destinataire (BT-47) : son SIRET, ou le SIREN de tous ses établissements.",
	"Only of this supplier (BT-30): its SIRET or SIREN.":                                 "Seulement de ce fournisseur (BT-30) : son SIRET ou son SIREN.",
	"Only inserted on this day of Paris or later, as 2026-11-01.":                        "Seulement ce qui fut inséré ce jour (heure de Paris) ou après, comme 2026-11-01.",
	"Only inserted longer ago than this, as 30d or 12h.":                                 "Seulement ce qui fut inséré il y a plus longtemps, comme 30d ou 12h.",
	"Only what Chorus Pro holds and nobody has paid: deposited and integrated.":          "Seulement ce que Chorus Pro détient et que personne n'a payé : deposited et integrated.",
	"Why; kept in the history.":                                                          "Pourquoi ; gardé dans l'historique.",
	"Only count and add up what it would be done to.":                                    "Seulement compter et additionner ce qui serait visé.",
	"Do nothing unless exactly so many are selected, as --dry-run has said.":             "Ne rien faire, sauf si exactement autant sont choisies, comme l'a dit --dry-run.",
	"At most so many.": "Au plus autant.",
	"Spread over time: at most so many a minute; 0 is as fast as it goes.":                                                  "Étaler dans le temps : au plus autant par minute ; 0 : aussi vite que possible.",
	"The invoices, each by its id, number, external_ref, flux or identifiantFactureCPP; or select them by filter.":          "Les factures, chacune par son id, son numéro, sa référence external_ref, son flux ou son identifiantFactureCPP ; ou choisissez-les par un filtre.",
	"Put an invoice back on the list that was taken off it.":                                                                "Remettre sur la liste une facture qui en fut retirée.",
	"Bring the database to the schema this program needs.":                                                                  "Amener la base au schéma qu'il faut à ce programme.",
	"up; status: which steps are done; plan: what the pending ones would do, and whom they hold up.":                        "up ; status : quelles étapes sont faites ; plan : ce que feraient celles qui restent, et qui elles retiennent.",
	"Deposit and follow invoices until stopped.":                                                                            "Déposer et suivre les factures jusqu'à l'arrêt.",
	"Name the broken layer of a set-up, and the next step.":                                                                 "Nommer ce qui manque dans une installation, et l'étape suivante.",
	"Measure a portal: what its documentation leaves open, in the form of settings; no database is needed.":                 "Mesurer un portail : ce que sa documentation laisse ouvert, sous forme de réglages ; sans base de données.",
	"Deposit this invoice (UBL or CII), eight times under two new numbers, and follow it; without it nothing is deposited.": "Déposer cette facture (UBL ou CII), huit fois sous deux numéros nouveaux, et la suivre ; sans elle rien n'est déposé.",
	"With --invoice: also an archive of 29 and one of 31 MB.":                                                               "Avec --invoice : aussi une archive de 29 et une de 31 Mo.",
	"Do not ask before depositing.":                                                                                         "Ne pas demander avant de déposer.",
	"The production portal is meant. Nothing is deposited there.":                                                           "Le portail de production est voulu. Rien n'y est déposé.",
	"The technical account that is used.":                                                                                   "Le compte technique employé.",
	"Follow each deposit for so long at most.":                                                                              "Suivre chaque dépôt pendant ce temps au plus.",
	"Between two requests.": "Entre deux requêtes.",
	"Send so many requests at once to meet the quota; it is shared with your workers.":                                                         "Envoyer autant de requêtes à la fois pour atteindre le quota ; il est partagé avec vos workers.",
	"Say what is wrong with invoice files before they are inserted; no database is needed.":                                                    "Dire ce qui ne va pas dans des fichiers de factures avant de les insérer ; sans base de données.",
	"By the rules of this account, as CHORISTE_ACCOUNTS_FILE has them.":                                                                        "Selon les règles de ce compte, telles que les a CHORISTE_ACCOUNTS_FILE.",
	"The syntaxeFlux that is to be declared; by itself it is recognised.":                                                                      "Le syntaxeFlux à déclarer ; sans cela il est reconnu.",
	"For one PDF without XML: the file with what it says, as JSON (docs/sql.md).":                                                              "Pour un seul PDF sans XML : le fichier de ce qu'il dit, en JSON (docs/sql.fr.md).",
	"Only how often each rule is broken.":                                                                                                      "Seulement combien de fois chaque règle est enfreinte.",
	"With --json: what the file says too, its parties, lines, VAT and totals, in EN 16931's terms (docs/documents.md).":                        "Avec --json : aussi ce que dit le fichier, ses parties, lignes, TVA et totaux, dans les termes d'EN 16931 (docs/documents.md).",
	"Factur-X PDF, CII or UBL files; - is standard input; a directory stands for the .pdf and .xml files in it and below.":                     "Fichiers Factur-X, CII ou UBL ; - est l'entrée standard ; un dossier vaut pour les fichiers .pdf et .xml qu'il contient, sous-dossiers compris.",
	"Insert invoice files, as an application would.":                                                                                           "Insérer des fichiers de factures, comme le ferait une application.",
	"The technical account that sends them.":                                                                                                   "Le compte technique qui les envoie.",
	"Idempotency key, for one file; a second insert with it is refused.":                                                                       "Clé d'idempotence, pour un seul fichier ; une seconde insertion avec elle est refusée.",
	"One of Chorus Pro's syntaxeFlux; by itself it is recognised.":                                                                             "L'un des syntaxeFlux de Chorus Pro ; sans cela il est reconnu.",
	"For one invoice: a file that goes with it or, if it is no PDF without XML, when its recipient asks for more; may be given several times.": "Pour une seule facture : un fichier qui part avec elle ou, si elle n'est pas un PDF sans XML, quand son destinataire en demande plus ; peut être répété.",
	"Insert without checking first (choriste check); the worker checks all the same.":                                                          "Insérer sans vérifier d'abord (choriste check) ; le worker vérifie de toute façon.",
	"Factur-X PDF, CII or UBL files; - is standard input.":                                                                                     "Fichiers Factur-X, CII ou UBL ; - est l'entrée standard.",
	"List invoices.": "Lister les factures.",
	"Only those whose status at Chorus Pro was unknown or went back, now or earlier.":                                          "Seulement celles dont le statut Chorus Pro était inconnu ou est revenu en arrière, maintenant ou avant.",
	"The oldest first, instead of the newest.":                                                                                 "Les plus anciennes d'abord, au lieu des plus récentes.",
	"Sort by this, the greatest first with a minus before it, as -amount: ${sorts}.":                                           "Trier selon ceci, le plus grand d'abord avec un moins devant, comme -amount : ${sorts}.",
	"The next page: only what follows this invoice, as the end of a list has said.":                                            "La page suivante : seulement ce qui suit cette facture, comme l'a dit la fin d'une liste.",
	"Only add up what is selected, by state.":                                                                                  "Seulement additionner ce qui est choisi, par état.",
	"Add up what is selected, by state, below the list.":                                                                       "Additionner ce qui est choisi, par état, sous la liste.",
	"How: table, wide (more columns), csv (as a French Excel opens it: semicolons, decimal commas), json (one object a line).": "Comment : table, wide (plus de colonnes), csv (comme l'ouvre un Excel français : points-virgules, virgules décimales), json (un objet par ligne).",
	"These columns, by their names in chorus.invoice_status or in a query.":                                                    "Ces colonnes, par leur nom dans chorus.invoice_status ou dans une requête.",
	"The same as -o csv.":                                                          "Comme -o csv.",
	"List the saved views; save or delete one.":                                    "Lister les vues enregistrées ; en enregistrer ou en supprimer une.",
	"List the saved views: queries under a name, for everybody.":                   "Lister les vues enregistrées : des requêtes sous un nom, pour tous.",
	"Save a query under a name, in the place of what stood under it.":              "Enregistrer une requête sous un nom, à la place de ce qu'il y avait.",
	"Why; kept in the audit trail.":                                                "Pourquoi ; gardé dans le journal d'audit.",
	"Its name, of 60 characters at most.":                                          "Son nom, de 60 caractères au plus.",
	"What it selects, as 'is:unpaid older:30d': choriste help query.":              "Ce qu'elle choisit, comme 'is:unpaid older:30d' : choriste help query.",
	"Delete a saved view.":                                                         "Supprimer une vue enregistrée.",
	"Its name.":                                                                    "Son nom.",
	"Show one invoice and every request made for it.":                              "Montrer une facture et chaque requête faite pour elle.",
	"The invoice, by its id, number, external_ref, flux or identifiantFactureCPP.": "La facture, par son id, son numéro, sa référence external_ref, son flux ou son identifiantFactureCPP.",
	"Show the history of one invoice; with --follow, what happens from now on.":    "Montrer l'historique d'une facture ; avec --follow, ce qui arrive désormais.",
	"Go on with each event as it is numbered, until interrupted; without ID, those of all invoices from now on.": "Continuer avec chaque événement dès qu'il est numéroté, jusqu'à l'interruption ; sans ID, ceux de toutes les factures désormais.",
	"Say who did what, when, why, and to what.":                                             "Dire qui a fait quoi, quand, pourquoi, et à quoi.",
	"Only by those who have this text in their name or login.":                              "Seulement par qui a ce texte dans son nom ou son login.",
	"Only these kinds: ${acts}.":                                                            "Seulement ces genres : ${acts}.",
	"Only to this invoice, by its id, number, external_ref, flux or identifiantFactureCPP.": "Seulement sur cette facture, par son id, son numéro, sa référence external_ref, son flux ou son identifiantFactureCPP.",
	"Only on this day of Paris or later, as 2026-11-01.":                                    "Seulement ce jour (heure de Paris) ou après, comme 2026-11-01.",
	"Only on this day of Paris or before.":                                                  "Seulement ce jour (heure de Paris) ou avant.",
	"The next page: only what was done before this event, as the end of a list has said.":   "La page suivante : seulement ce qui fut fait avant cet événement, comme l'a dit la fin d'une liste.",
	"How: table, csv (as a French Excel opens it), json (one object a line).":               "Comment : table, csv (comme l'ouvre un Excel français), json (un objet par ligne).",
	"Count invoices by state, with the age of the oldest.":                                  "Compter les factures par état, avec l'âge de la plus ancienne.",
	"Show what needs a person and the figures again and again, until interrupted.":          "Montrer ce qui attend quelqu'un et les chiffres, encore et encore, jusqu'à l'interruption.",
	"How often it looks, from 1s to 1h.":                                                    "À quel rythme, de 1s à 1h.",
	"Only what this account needs.":                                                         "Seulement ce qui concerne ce compte.",
	"At most so many lines of what needs a person; the counts are of all.":                  "Au plus tant de lignes de ce qui attend quelqu'un ; les totaux comptent tout.",
	"Print or mail the day's figures, what needs a person, and the money.":                  "Écrire ou envoyer par courriel les chiffres du jour, ce qui attend quelqu'un, et l'argent.",
	"Send it to CHORISTE_DIGEST_TO, as text and HTML, instead of printing it.":              "L'envoyer à CHORISTE_DIGEST_TO, en texte et en HTML, au lieu de l'écrire.",
	"Print it as HTML.":                            "L'écrire en HTML.",
	"The figures are of so long a time until now.": "Les chiffres portent sur cette durée jusqu'à maintenant.",
	"Say what is open, by age and recipient, what was paid, and what late payment costs.":                                                               "Dire ce qui est dû, par âge et par destinataire, ce qui fut payé, et ce que coûtent les retards.",
	"Only this recipient (BT-47): its SIRET, or the SIREN of all its establishments.":                                                                   "Seulement ce destinataire (BT-47) : son SIRET, ou le SIREN de tous ses établissements.",
	"What was settled on this day of Paris or later; without it, in the last 30 days.":                                                                  "Ce qui fut clos ce jour (heure de Paris) ou après ; sans cela, dans les 30 derniers jours.",
	"What was settled on this day of Paris or before; without it, until today.":                                                                         "Ce qui fut clos ce jour (heure de Paris) ou avant ; sans cela, jusqu'à aujourd'hui.",
	"The European Central Bank's rate in percent, for late interest; without it, that of each half-year as chorus.ecb_rates has it.":                    "Le taux de la Banque centrale européenne en pour cent, pour les intérêts moratoires ; sans cela, celui de chaque semestre tel que l'a chorus.ecb_rates.",
	"At most so many recipients; with --csv, invoices, and then a million without it.":                                                                  "Au plus tant de destinataires ; avec --csv, de factures, et alors un million sans cela.",
	"Print the invoices themselves as CSV, as a French Excel opens it.":                                                                                 "Écrire les factures elles-mêmes en CSV, comme l'ouvre un Excel français.",
	"Write one archive that proves what was sent, when, and what was answered.":                                                                         "Écrire une archive qui prouve ce qui fut envoyé, quand, et ce qui fut répondu.",
	"The archive to write (zip); one that is there is left alone.":                                                                                      "L'archive à écrire (zip) ; celle qui existe est laissée telle quelle.",
	"The invoice, by its id, number, external_ref, flux or identifiantFactureCPP; or a query, as siret:21750001600019 since:2026-11-01.":                "La facture, par son id, son numéro, sa référence external_ref, son flux ou son identifiantFactureCPP ; ou une requête, comme siret:21750001600019 since:2026-11-01.",
	"Check an archive of evidence, or the database: name what was altered, removed or inserted.":                                                        "Vérifier une archive de preuves, ou la base : nommer ce qui fut altéré, retiré ou ajouté.",
	"Check history, attempts, invoices and exchanges in the database; with FILE, compare the whole of FILE with what the database would write instead.": "Vérifier l'historique, les tentatives, les factures et les échanges dans la base ; avec FILE, comparer tout FILE à ce que la base écrirait à sa place.",
	"Check a restored copy of the database: schema, rights, history, how old it is, and what a worker would look up first. Sends and writes nothing.":   "Vérifier une copie restaurée de la base : schéma, droits, historique, son âge, et ce qu'un worker rechercherait d'abord. N'envoie et n'écrit rien.",
	"With --database or --restored: a head that was announced, as SEQ:SHA256, in the log or in an archive.":                                             "Avec --database ou --restored : une tête annoncée, comme SEQ:SHA256, dans le journal ou dans une archive.",
	"An archive that choriste evidence wrote.":                                                                                                          "Une archive que choriste evidence a écrite.",
	"Say whose documents have been kept long enough; delete them; set how long they stay; erase an account.":                                            "Dire quels documents ont été gardés assez longtemps ; les supprimer ; fixer leur durée ; effacer un compte.",
	"Only count what is due; that is also what happens without --yes.":                                                                                  "Seulement compter ce qui est dû ; c'est aussi ce qui se passe sans --yes.",
	"Delete what is due. Workers do so by themselves; this does it now.":                                                                                "Supprimer ce qui est dû. Les workers le font d'eux-mêmes ; ceci le fait maintenant.",
	"With --yes: do nothing unless exactly so many are due, as a dry run has said.":                                                                     "Avec --yes : ne rien faire, sauf si exactement autant sont dus, comme l'a dit un essai.",
	"With --yes: at most so many; 0 is all.":                                                                                                            "Avec --yes : au plus autant ; 0 : tous.",
	"Cut history by month once it is large; have a month leave for a file, and bring it back.":                                                          "Découper l'historique par mois quand il est grand ; faire partir un mois dans un fichier, et le ramener.",
	"Say what each month of history holds, what could leave, what cutting would do, and whether it pays. Changes nothing.":                              "Dire ce que contient chaque mois de l'historique, ce qui pourrait partir, ce que ferait le découpage et s'il vaut la peine. Ne change rien.",
	"Cut history by month from now on: make this month and the next two. Workers make those that follow.":                                               "Découper l'historique par mois à partir de maintenant : créer ce mois et les deux suivants. Les programmes créent la suite.",
	"Write a month whose invoices have all been final for long into a file, read it back, and have it leave the database.":                              "Écrire dans un fichier un mois dont toutes les factures sont closes depuis longtemps, le relire, puis le faire quitter la base.",

	"Bring a month back from its file.":                                                                                                     "Ramener un mois depuis son fichier.",
	"List the months that have left, and those that are back.":                                                                              "Lister les mois partis et ceux qui sont revenus.",
	"For how long all invoices of a month must have been final before it may leave.":                                                        "Depuis combien de temps toutes les factures d'un mois doivent être closes pour qu'il puisse partir.",
	"The month, as YYYY-MM; first is what is older than the first month.":                                                                   "Le mois, comme YYYY-MM ; first est ce qui précède le premier mois.",
	"The directory that the file is written into. Keep it as long as history must be kept.":                                                 "Le dossier où le fichier est écrit. À garder aussi longtemps que l'historique doit l'être.",
	"Refuse unless all invoices of the month have been final for so long.":                                                                  "Refuser si toutes les factures du mois ne sont pas closes depuis aussi longtemps.",
	"The file that choriste partition detach wrote, or the manifest beside it.":                                                             "Le fichier écrit par choriste partition detach, ou le manifeste à côté.",
	"Set how long documents of --account stay after their invoice is final, as 30d; forever: nothing is purged. Ends an erasure, too.":      "Fixer combien de temps les documents de --account restent une fois leur facture close, comme 30d ; forever : rien n'est purgé. Met aussi fin à un effacement.",
	"From tomorrow on, have all of --account that is final lose its document and metadata, whatever its age; it takes no new invoices.":     "Dès demain, tout ce qui est clos de --account perd son document et ses métadonnées, quel que soit son âge ; il n'accepte plus de factures.",
	"Why; kept in the history. Needed with --keep and --erase.":                                                                             "Pourquoi ; gardé dans l'historique. Nécessaire avec --keep et --erase.",
	"Have invalid invoices read again, or rejected fluxes sent again.":                                                                      "Faire relire des factures invalides, ou renvoyer des flux rejetés.",
	"Agree to what another person asked for, which is done then (CHORISTE_SECOND_PERSON).":                                                  "Donner son accord à ce qu'une autre personne a demandé, qui est alors fait (CHORISTE_SECOND_PERSON).",
	"The request, by its number, as choriste todo shows it.":                                                                                "La demande, par son numéro, comme le montre choriste todo.",
	"Refuse what another person asked for, or take back what you asked for yourself.":                                                       "Refuser ce qu'une autre personne a demandé, ou retirer sa propre demande.",
	"Show what is known of a parked invoice, and take it out of that state.":                                                                "Montrer ce qui est su d'une facture à trancher, et la sortir de cet état.",
	"With accept: which flux, when several are known.":                                                                                      "Avec accept : quel flux, quand plusieurs sont connus.",
	"With resubmit: one search that finds nothing is enough. With abandon: although it was accepted.":                                       "Avec resubmit : une seule recherche sans résultat suffit. Avec abandon : bien qu'elle ait été acceptée.",
	"Only show what is known, and what is possible.":                                                                                        "Seulement montrer ce qui est su, et ce qui est possible.",
	"The parked invoice, by its id, number, external_ref, flux or identifiantFactureCPP.":                                                   "La facture à trancher, par son id, son numéro, sa référence external_ref, son flux ou son identifiantFactureCPP.",
	"show what is known and what is possible (if left out), accept what is known, lookup again, resubmit when it is not found, or abandon.": "show : ce qui est su et possible (sans rien dire de plus) ; accept : prendre ce qui est su ; lookup : rechercher de nouveau ; resubmit : renvoyer si elle n'est pas trouvée ; abandon : abandonner.",
	"Complete an invoice that its recipient has suspended, with words, files, or both.":                                                     "Compléter une facture que son destinataire a suspendue, avec un texte, des fichiers, ou les deux.",
	"What the recipient is told.":                                                            "Ce qui est dit au destinataire.",
	"A file to attach; may be given several times.":                                          "Un fichier à joindre ; peut être répété.",
	"The suspended invoice, by its id, number, external_ref, flux or identifiantFactureCPP.": "La facture suspendue, par son id, son numéro, sa référence external_ref, son flux ou son identifiantFactureCPP.",
	"Route an invoice anew that went to the wrong place; same number.":                       "Réadresser une facture allée au mauvais endroit ; même numéro.",
	"Number, amounts and document stay; what is not given stays as it was. Chorus Pro is withdrawing this operation with the reform of 2026: where it is not offered any more, the refusal is kept, and the invoice is replaced.": "Le numéro, les montants et le document restent ; ce qui n'est pas donné reste tel quel. Chorus Pro retire cette opération avec la réforme de 2026 : là où elle n'est plus proposée, le refus est gardé, et la facture est remplacée.",
	"The right recipient.":                 "Le bon destinataire.",
	"The right service code (BT-10).":      "Le bon code service (BT-10).",
	"The right commitment number (BT-13).": "Le bon numéro d'engagement (BT-13).",
	"The invoice to be recycled, by its id, number, external_ref, flux or identifiantFactureCPP.":             "La facture à réadresser, par son id, son numéro, sa référence external_ref, son flux ou son identifiantFactureCPP.",
	"Insert a new invoice, with a new number, for one that its recipient refused.":                            "Insérer une nouvelle facture, sous un nouveau numéro, pour une que son destinataire a refusée.",
	"Idempotency key of the new one; a second insert with it is refused.":                                     "Clé d'idempotence de la nouvelle ; une seconde insertion avec elle est refusée.",
	"The invoice that its recipient refused, by its id, number, external_ref, flux or identifiantFactureCPP.": "La facture que son destinataire a refusée, par son id, son numéro, sa référence external_ref, son flux ou son identifiantFactureCPP.",
	"The new invoice, with a new number; - is standard input.":                                                "La nouvelle facture, sous un nouveau numéro ; - est l'entrée standard.",
	"Ask for an invoice not to be sent.":                                                                      "Demander qu'une facture ne soit pas envoyée.",
	"Stop sending and following an account's invoices.":                                                       "Cesser d'envoyer et de suivre les factures d'un compte.",
	"Why; it is shown while the account is paused.":                                                           "Pourquoi ; montré tant que le compte est en pause.",
	"The account to stop.":         "Le compte à arrêter.",
	"Go on with a paused account.": "Reprendre avec un compte en pause.",
	"Wait so long for what comes of it, when a password was refused before; 0s only asks.": "Attendre autant ce qu'il en advient, quand un mot de passe fut refusé avant ; 0s : seulement demander.",
	"The account to go on with.": "Le compte à reprendre.",
	"Say what an answer of Chorus Pro, PISTE or choriste means, who must act, and what to do.":                                                   "Dire ce que veut dire une réponse de Chorus Pro, de PISTE ou de choriste, qui doit agir, et que faire.",
	"List what Chorus Pro and recipients said, in this database and within a year, that the dictionary does not know.":                           "Lister ce que Chorus Pro et les destinataires ont dit, dans cette base et depuis un an, et que le dictionnaire ne connaît pas.",
	"A codeRetour, a message code, a state of a flux, a status, a motive, a reason code, the id of a rule, or a message as the portal wrote it.": "Un codeRetour, un code de message, un état de flux, un statut, un motif, un code de motif, l'id d'une règle, ou un message tel que le portail l'a écrit.",
	"List the webhooks; test, pause, resume, replay or skip.":                                                                                    "Lister les webhooks ; essayer, mettre en pause, reprendre, rejouer ou sauter.",
	"List the endpoints: how far each is, and how it fares.":                                                                                     "Lister les points d'accès : où en est chacun, et comment il va.",
	"Have an endpoint told of a webhook.test, and wait for what comes of it.":                                                                    "Envoyer un webhook.test à un point d'accès, et attendre ce qu'il en advient.",
	"Wait so long at most.": "Attendre autant au plus.",
	"The endpoint.":         "Le point d'accès.",
	"Tell an endpoint nothing until it is resumed.":                                        "Ne plus rien dire à un point d'accès jusqu'à sa reprise.",
	"Why; shown and kept.":                                                                 "Pourquoi ; montré et gardé.",
	"Go on where a paused endpoint stopped; try at once what it did not take.":             "Reprendre où un point d'accès en pause s'était arrêté ; essayer aussitôt ce qu'il n'a pas pris.",
	"Deliver again, in order, everything from an event on.":                                "Livrer de nouveau, dans l'ordre, tout à partir d'un événement.",
	"The number (seq) of the first event.":                                                 "Le numéro (seq) du premier événement.",
	"Or the moment from which on, as 2026-11-23T06:00:00+01:00.":                           "Ou le moment à partir duquel, comme 2026-11-23T06:00:00+01:00.",
	"Only count what would be delivered again.":                                            "Seulement compter ce qui serait livré de nouveau.",
	"Give up the one event that an endpoint does not take.":                                "Abandonner le seul événement qu'un point d'accès ne prend pas.",
	"Take away an endpoint that is configured no more, and its place.":                     "Retirer un point d'accès qui n'est plus configuré, et sa place.",
	"Make what stands for a password in the file of those who may sign in to the console.": "Faire ce qui tient lieu de mot de passe dans le fichier de ceux qui peuvent se connecter à la console.",
	"Print what has a shell complete commands, flags and values.":                          "Écrire ce qui fait compléter commandes, options et valeurs par un shell.",
	"For this session and those to come, in the shell's own file:\n\n  bash  source <(choriste completion bash)\n  zsh   source <(choriste completion zsh)\n  fish  choriste completion fish | source": "Pour cette session et les suivantes, dans le fichier du shell :\n\n  bash  source <(choriste completion bash)\n  zsh   source <(choriste completion zsh)\n  fish  choriste completion fish | source",
	"bash, zsh or fish.": "bash, zsh ou fish.",
	"Write the manual pages into a directory, as packages have them.":                  "Écrire les pages de manuel dans un dossier, comme les ont les paquets.",
	"The directory to write them into; it is made.":                                    "Le dossier où les écrire ; il est créé.",
	"Show this help, or the settings: help env.":                                       "Montrer cette aide, ou les réglages : help env.",
	"A command; or env: the settings; or query: how invoices are selected.":            "Une commande ; ou env : les réglages ; ou query : comment choisir des factures.",
	"Compare with the portal what was deposited, and report what differs.":             "Comparer avec le portail ce qui fut déposé, et dire ce qui diffère.",
	"Compare, and report what differs.":                                                "Comparer, et dire ce qui diffère.",
	"Only this supplier.":                                                              "Seulement ce fournisseur.",
	"First day of deposit, as 2026-11-01; by itself the last seven days are compared.": "Premier jour de dépôt, comme 2026-11-01 ; sans cela les sept derniers jours sont comparés.",
	"Last day of deposit; by itself today.":                                            "Dernier jour de dépôt ; sans cela aujourd'hui.",
	"Wait for the report; --no-wait only asks for it.":                                 "Attendre le compte rendu ; --no-wait le demande seulement.",
	"Print the findings as CSV.":                                                       "Écrire les écarts en CSV.",
	"Ask nothing: print what is open.":                                                 "Ne rien demander : écrire ce qui est ouvert.",
	"Ask nothing: list the latest runs.":                                               "Ne rien demander : lister les dernières comparaisons.",
	"With --list: at most so many.":                                                    "Avec --list : au plus autant.",
	"Take note of a finding that is as it should be.":                                  "Prendre acte d'un écart qui est voulu.",
	"The finding.": "L'écart.",
	"Open a finding again that was accepted by mistake.": "Rouvrir un écart accepté par erreur.",
}
