package main

import (
	"errors"
	"regexp"
	"strings"
	"sync"
)

// Errors of the command line and of settings, in French. Their English stands where they are made; the table at the end has both, each % for a value. Tests fail for one that is not in it.

// parseError is what the parser says of a command line.
type parseError struct{ error }

func (e parseError) Unwrap() error { return e.error }

func (e parseError) Error() string { return e.error.Error() + " (see choriste --help)" }

// Text is the error in a language, en or fr.
func (e parseError) Text(lang string) string {
	var both errorInBoth
	switch {
	case lang != "fr":
		return e.Error()
	case errors.As(e.error, &both):
		return strings.Replace(e.error.Error(), both.en, both.fr, 1) + " (voir choriste --help)"
	}
	return frenchOf(e.error.Error()) + " (voir choriste --help)"
}

// settingsError is everything that is wrong with the settings.
type settingsError struct{ problems []error }

func (e settingsError) Error() string { return e.Text("en") }

// Text is the error in a language, en or fr.
func (e settingsError) Text(lang string) string {
	texts := make([]string, len(e.problems))
	for k, p := range e.problems {
		if texts[k] = p.Error(); lang == "fr" {
			texts[k] = frenchOf(texts[k])
		}
	}
	if lang == "fr" {
		return "les réglages ne peuvent pas être employés : " + strings.Join(texts, " ; ") + " (voir choriste help env)"
	}
	return "the settings cannot be used: " + strings.Join(texts, "; ") + " (see choriste help env)"
}

type phrase struct {
	english *regexp.Regexp
	french  string
}

var phrases = sync.OnceValue(func() (list []phrase) {
	for _, pair := range errorsInFrench {
		values := strings.ReplaceAll(regexp.QuoteMeta(pair[0]), "%", "(.*?)")
		list = append(list, phrase{regexp.MustCompile(`(?s)^` + values + `$`), pair[1]})
	}
	return list
})

const (
	// mostDeep is how many errors stand within each other, mostBefore how many words before one, and mostSaid how many bytes are looked through: a value may be anything.
	mostDeep, mostBefore, mostSaid = 4, 12, 4000
)

// frenchOf is an error in French, with its values as they are, and what stands before it: the setting, the file or the flag that it is about. What is not known stays.
func frenchOf(text string) string { return frenchAt(text, 0) }

func frenchAt(text string, deep int) string {
	switch {
	case deep > mostDeep:
		return text
	case len(text) > mostSaid:
		fr, _ := phraseOf(text, mostDeep)
		return fr
	}
	if fr, known := phraseOf(text, deep); known {
		return fr
	}
	for k, words := 0, 0; k < len(text) && words < mostBefore; k++ {
		if text[k] != ' ' {
			continue
		}
		words++
		fr, known := phraseOf(text[k+1:], deep)
		if !known {
			continue
		}
		before, colon := strings.CutSuffix(text[:k], ":")
		if colon {
			before = frenchAt(before, deep+1) + " :"
		}
		return before + " " + fr
	}
	return text
}

func phraseOf(text string, deep int) (string, bool) {
	for _, p := range phrases() {
		found := p.english.FindStringSubmatch(text)
		if found == nil {
			continue
		}
		fr := p.french
		for _, value := range found[1:] {
			value = frenchAt(value, deep+1) // an error within an error
			fr = strings.Replace(fr, "%", strings.ReplaceAll(value, "%", "\x00"), 1)
		}
		return strings.ReplaceAll(fr, "\x00", "%"), true
	}
	return text, false
}

// errorsInFrench has them, the longer of two that match before the shorter.
var errorsInFrench = [...][2]string{
	// Of the parser.
	{"unknown flag %, did you mean one of %?", "option inconnue %, vouliez-vous dire l'une de % ?"},
	{"unknown flag %, did you mean %?", "option inconnue %, vouliez-vous dire % ?"},
	{"unknown flag %", "option inconnue %"},
	{"unexpected argument %, did you mean one of %?", "argument inattendu %, vouliez-vous dire l'un de % ?"},
	{"unexpected argument %, did you mean %?", "argument inattendu %, vouliez-vous dire % ?"},
	{"unexpected argument %", "argument inattendu %"},
	{"unexpected flag argument %", "valeur inattendue d'option %"},
	{"expected one of %", "il manque une commande : %"},
	{"missing flags: %", "options manquantes : %"},
	{"missing positional arguments %", "arguments manquants : %"},
	{"% must be one of % but got %", "% doit être l'un de %, et non %"},
	{"%: expected duration but got %: %", "% : une durée comme 90s ou 15m est attendue, et non %"},
	{"%: expected duration but got %", "% : une durée comme 90s ou 15m est attendue, et non %"},
	{"%: expected a valid % bit int but got %", "% : un nombre entier est attendu (% bits), et non %"},
	{"%: expected a valid % bit uint but got %", "% : un nombre entier sans signe est attendu (% bits), et non %"},
	{"%: expected an int but got %", "% : un nombre entier est attendu, et non %"},
	{"%: bool value must be true, 1, yes, false, 0 or no but got %", "% : true, 1, yes, false, 0 ou no est attendu, et non %"},
	{"%: expected string value but got % (%); perhaps try %?", "% : une valeur est attendue, et non % (%) ; essayez %"},
	{"%: expected % value but got % (%); perhaps try %?", "% : une valeur (%) est attendue, et non % (%) ; essayez %"},
	{"%: missing value, expecting %", "% : il manque une valeur, comme %"},
	{"%: expected % value but got %", "% : une valeur (%) est attendue, et non %"},
	{"% and % can't be used together", "% et % ne vont pas ensemble"},
	{"expected %", "il manque %"},

	// Of settings, files and commands.
	{"the name of a file is empty", "le nom d'un fichier est vide"},
	{"the file cannot be opened: there is none of this name", "le fichier ne peut pas être ouvert : il n'y en a pas de ce nom"},
	{"the file cannot be opened: this user may not read it", "le fichier ne peut pas être ouvert : cet utilisateur n'a pas le droit de le lire"},
	{"the file cannot be opened: check its name and that this user may read it", "le fichier ne peut pas être ouvert : vérifiez son nom et que cet utilisateur a le droit de le lire"},
	{"the file cannot be read, or is larger than % bytes", "le fichier ne peut pas être lu, ou dépasse % octets"},
	{"the file cannot be read", "le fichier ne peut pas être lu"},
	{"this is a directory, not a file", "c'est un dossier, pas un fichier"},
	{"this is a pipe, a socket or a device, not a file", "c'est un tube, une socket ou un périphérique, pas un fichier"},
	{"the file is larger than % bytes: it holds something else than a secret", "le fichier dépasse % octets : il contient autre chose qu'un secret"},
	{"the file is larger than % bytes", "le fichier dépasse % octets"},
	{"the file is empty", "le fichier est vide"},
	{"others may read the file (mode %): chmod 600 it", "d'autres peuvent lire le fichier (mode %) : faites chmod 600"},
	{"% is not set: % go together", "% n'est pas défini : % vont ensemble"},
	{"CHORUS_LOGIN needs the application of PISTE_CLIENT_ID", "CHORUS_LOGIN demande l'application de PISTE_CLIENT_ID"},
	{"%: there is no account", "% : il n'y a aucun compte"},
	{"an application needs a name, of letters, digits, _ . -", "une application demande un nom, de lettres, chiffres, _ . -"},
	{"there is an application % already", "il y a déjà une application %"},
	{"application % has no client_id", "l'application % n'a pas de client_id"},
	{"application % has no client_secret_file", "l'application % n'a pas de client_secret_file"},
	{"application % has the client_id of %: one is enough for both", "l'application % a le client_id de % : une seule suffit pour les deux"},
	{"suppliers: % is no SIRET of 14 digits", "suppliers : % n'est pas un SIRET de 14 chiffres"},
	{"an account needs a name, of letters, digits, _ . -", "un compte demande un nom, de lettres, chiffres, _ . -"},
	{"there is an account % already", "il y a déjà un compte %"},
	{"account %: there is no application %", "compte % : il n'y a pas d'application %"},
	{"account % has no login", "le compte % n'a pas de login"},
	{"account % has no password_file", "le compte % n'a pas de password_file"},
	{"to answer a request needs --reason", "répondre à une demande demande --reason"},
	{"account % is not in CHORISTE_ACCOUNTS_FILE: name another one, or leave --account out", "le compte % n'est pas dans CHORISTE_ACCOUNTS_FILE : nommez-en un autre, ou omettez --account"},
	{"--content is for --json: add it", "--content va avec --json : ajoutez-le"},
	{"--fields is for one file: give it alone", "--fields est pour un seul fichier : donnez-le seul"},
	{"stopped before the end", "arrêté avant la fin"},
	{"there is no file to check: of a directory, .pdf and .xml files are read", "il n'y a pas de fichier à vérifier : d'un dossier, les fichiers .pdf et .xml sont lus"},
	{"--syntaxe % is none of Chorus Pro's: leave it out, or give one of %", "--syntaxe % n'est pas de Chorus Pro : omettez-le, ou donnez l'un de %"},
	{"the directory cannot be read", "le dossier ne peut pas être lu"},
	{"this file breaks the program that reads it: please report it to the makers of choriste", "ce fichier casse le programme qui le lit : merci de le signaler aux auteurs de choriste"},
	{"% of % files would not be sent, % could not be read", "% fichiers sur % ne seraient pas envoyés, % n'ont pas pu être lus"},
	{"% of % files would not be sent", "% fichiers sur % ne seraient pas envoyés"},
	{"has a colon as character %: a login is like TECH_1_0000@cpro.fr, and its password stands apart", "a un deux-points comme caractère % : un login est comme TECH_1_0000@cpro.fr, et son mot de passe est à part"},
	{"--past: % is not an age as 24h or 7d", "--past : % n'est pas un âge comme 24h ou 7d"},
	{"--limit must be from 1 to %", "--limit doit être de 1 à %"},
	{"choose one of --json, --html and --mail", "choisissez l'un de --json, --html et --mail"},
	{"line %: %", "ligne % : %"},
	{"it cannot be opened", "elle ne peut pas être ouverte"},
	{"--as %: only root may write files for somebody else", "--as % : seul root peut écrire des fichiers pour un autre"},
	{"who runs choriste is not known here: %", "qui exécute choriste n'est pas connu ici : %"},
	{"--dir has a quotation mark, a backslash, a dollar, a backtick or a line break, which cannot be written to a file of settings", "--dir a un guillemet, une barre oblique inverse, un dollar, un accent grave ou un saut de ligne, ce qui ne s'écrit pas dans un fichier de réglages"},
	{"% is not a directory", "% n'est pas un dossier"},
	{"%: others may write there (mode %): chmod 750 it", "% : d'autres peuvent y écrire (mode %) : faites chmod 750"},
	{"% cannot be made: %", "% ne peut pas être créé : %"},
	{"% cannot be given to %: %", "% ne peut pas être donné à % : %"},
	{"--database must look like postgres://host:5432/choriste, without user and password, its name of small letters, digits and _", "--database doit ressembler à postgres://hote:5432/choriste, sans utilisateur ni mot de passe, son nom en minuscules, chiffres et _"},
	{"nobody can be asked here, and these are missing: %", "personne ne peut être interrogé ici, et il manque : %"},
	{"the terminal has ended", "le terminal s'est fermé"},
	{"interrupted", "interrompu"},
	{"what was typed is longer than a secret may be", "ce qui a été saisi est plus long qu'un secret ne peut l'être"},
	{"stopped at a question, and nothing was written: choriste init begins anew", "arrêté à une question, et rien n'a été écrit : choriste init recommence"},
	{"the terminal: %", "le terminal : %"},
	{"% is of other passwords than those that would be made now, as % is not there: remove it, and run choriste init again", "% est d'autres mots de passe que ceux qui seraient faits maintenant, car % n'est pas là : supprimez-le, et relancez choriste init"},
	{"must look like %", "doit ressembler à %"},
	{"the addresses in % must end in the database's name, of small letters, digits and _", "les adresses dans % doivent finir par le nom de la base, en minuscules, chiffres et _"},
	{"PostgreSQL has a login % already, and nobody here knows its password: put its address, postgres://%:PASSWORD@…, into its file in %, or have it dropped", "PostgreSQL a déjà un login %, et personne ici ne connaît son mot de passe : mettez son adresse, postgres://%:MOT_DE_PASSE@…, dans son fichier dans %, ou faites-le supprimer"},
	{"% could not be made in PostgreSQL: %", "% n'a pas pu être fait dans PostgreSQL : %"},
	{"% holds a quotation mark, a backslash, a dollar, a backtick or a line break, which cannot be written to a file of settings", "% contient un guillemet, une barre oblique inverse, un dollar, un accent grave ou un saut de ligne, ce qui ne s'écrit pas dans un fichier de réglages"},
	{"% cannot be written: %", "% ne peut pas être écrit : %"},
	{"CHORISTE_LISTEN: cannot listen on %: %", "CHORISTE_LISTEN : impossible d'écouter sur % : %"},
	{"must be an address as smtps://USER@HOST:465 or smtp://USER@HOST:587", "doit être une adresse comme smtps://USER@HOST:465 ou smtp://USER@HOST:587"},
	{"holds a password: give it as CHORISTE_SMTP_PASSWORD_FILE", "contient un mot de passe : donnez-le par CHORISTE_SMTP_PASSWORD_FILE"},
	{"has a port that is none", "a un port qui n'en est pas un"},
	{"must be mail addresses as anna@example.org, % at most, separated by commas", "doit être des adresses de courriel comme anna@example.org, % au plus, séparées par des virgules"},
	{"% is not set (see choriste help env)", "% n'est pas défini (voir choriste help env)"},
	{"CHORISTE_DIGEST_FROM or CHORISTE_DIGEST_TO: %", "CHORISTE_DIGEST_FROM ou CHORISTE_DIGEST_TO : %"},
	{"the mail server % did not take the digest: %", "le serveur de courriel % n'a pas pris le résumé : %"},
	{"the password cannot be read: %", "le mot de passe ne peut pas être lu : %"},
	{"the password cannot be read", "le mot de passe ne peut pas être lu"},
	{"the two differ", "les deux diffèrent"},
	{"% is production: say --production if that is meant; nothing is deposited there", "% est la production : dites --production si c'est voulu ; rien n'y est déposé"},
	{"nothing is deposited in production: leave --invoice out", "rien n'est déposé en production : omettez --invoice"},
	{"--large needs --invoice", "--large demande --invoice"},
	{"nobody can be asked here: add --yes", "personne ne peut être interrogé ici : ajoutez --yes"},
	{"nothing was deposited", "rien n'a été déposé"},
	{"% is %: a UBL or CII file is needed, whose number can be changed", "% est % : il faut un fichier UBL ou CII, dont le numéro peut être changé"},
	{"%: its number (BT-1) cannot be changed", "% : son numéro (BT-1) ne peut pas être changé"},
	{"there is no account % in the settings", "il n'y a pas de compte % dans les réglages"},
	{"one at a time: --dry-run, --yes, --keep or --erase", "un seul à la fois : --dry-run, --yes, --keep ou --erase"},
	{"--expect and --limit go with --yes", "--expect et --limit vont avec --yes"},
	{"--limit is not negative", "--limit n'est pas négatif"},
	{"--keep: % is neither forever nor an age from 1d to 36500d, as 30d", "--keep : % n'est ni forever ni un âge de 1d à 36500d, comme 30d"},
	{"--keep and --erase need --account and --reason", "--keep et --erase demandent --account et --reason"},
	{"% documents are due, and not %: nothing was deleted", "% documents sont dus, et non % : rien n'a été supprimé"},
	{"nothing is purged now: %", "rien n'est purgé maintenant : %"},
	{"after % of %: %", "après % sur % : %"},
	{"run % is %: %", "la comparaison % est % : %"},
	{"must be CODE=LEVEL, separated by commas, as CH-CADRE=warning", "doit être CODE=NIVEAU, séparés par des virgules, comme CH-CADRE=warning"},
	{"names the rule % twice", "nomme deux fois la règle %"},
	{"names a rule that there is not, %: the nearest is % (docs/rules.md has all)", "nomme une règle qui n'existe pas, % : la plus proche est % (docs/rules.md les a toutes)"},
	{"names %, which no setting changes: such an invoice cannot be read, or is not this account's to send", "nomme %, qu'aucun réglage ne change : une telle facture ne peut pas être lue, ou n'est pas à envoyer par ce compte"},
	{"gives the rule % a level that is none of error, warning, off", "donne à la règle % un niveau qui n'est ni error, ni warning, ni off"},
	{"% must be a mapping of codes to error, warning or off", "% doit associer des codes à error, warning ou off"},
	{"% is not set", "% n'est pas défini"},
	{"CHORUS_API_URL and CHORUS_TOKEN_URL go together: set both or neither", "CHORUS_API_URL et CHORUS_TOKEN_URL vont ensemble : définissez les deux ou aucun"},
	{"CHORUS_API_URL and CHORUS_TOKEN_URL do not go together: %", "CHORUS_API_URL et CHORUS_TOKEN_URL ne vont pas ensemble : %"},
	{"CHORISTE_LANDING_DELAY is shorter than CHORISTE_HTTP_TIMEOUT: a deposit that is given up may land afterwards, and would be sent twice", "CHORISTE_LANDING_DELAY est plus court que CHORISTE_HTTP_TIMEOUT : un dépôt abandonné peut arriver ensuite, et serait envoyé deux fois"},
	{"%; the value %", "% ; la valeur %"},
	{"% and %_FILE are both set: keep one", "% et %_FILE sont tous deux définis : gardez-en un"},
	{"is a JDBC address: leave out jdbc: and put user and password into it, as %; %", "est une adresse JDBC : omettez jdbc: et mettez-y utilisateur et mot de passe, comme % ; %"},
	{"cannot be read: it should look like %; %", "ne peut pas être lu : cela devrait ressembler à % ; %"},
	{"must begin with postgres://, as %", "doit commencer par postgres://, comme %"},
	{"in a user or password, # is written %23, % %25, / %2F, : %3A, ? %3F, @ %40, [ %5B, ] %5D and a blank %20", "dans un utilisateur ou un mot de passe, # s'écrit %23, % %25, / %2F, : %3A, ? %3F, @ %40, [ %5B, ] %5D et une espace %20"},
	{"has a parameter that cannot be used: sslkey names a file that others may read (mode %): chmod 600 it", "a un paramètre inutilisable : sslkey nomme un fichier que d'autres peuvent lire (mode %) : faites chmod 600"},
	{"has a port that is not a number from 1 to 65535; it should look like %", "a un port qui n'est pas un nombre de 1 à 65535 ; cela devrait ressembler à %"},
	{"has several hosts, of which only some have a port: give each its port, as postgres://user@one:5432,two:5432/database", "a plusieurs hôtes, dont certains seulement ont un port : donnez le sien à chacun, comme postgres://user@un:5432,deux:5432/database"},
	{"has a parameter that cannot be used: % %", "a un paramètre inutilisable : % %"},
	{"must be one of %", "doit être l'un de %"},
	{"must be a duration from 1ms to %, as 90s, 15m or 4h", "doit être une durée de 1ms à %, comme 90s, 15m ou 4h"},
	{"must be a whole number from 1 to %", "doit être un nombre entier de 1 à %"},
	{"must be a number of requests per second from % to %, as 20 or 0.5 (with a point)", "doit être un nombre de requêtes par seconde de % à %, comme 20 ou 0.5 (avec un point)"},
	{"has % closures: at most % are taken", "a % fermetures : au plus % sont prises"},
	{"must be START/END in the form 2026-12-05T20:00:00+01:00/2026-12-06T02:00:00+01:00, END after START, several separated by commas", "doit être DÉBUT/FIN sous la forme 2026-12-05T20:00:00+01:00/2026-12-06T02:00:00+01:00, FIN après DÉBUT, plusieurs séparés par des virgules"},
	{"has a closure of more than 31 days, during which nothing would be sent: check its years and months", "a une fermeture de plus de 31 jours, pendant laquelle rien ne serait envoyé : vérifiez ses années et ses mois"},
	{"must be names without port, as choriste.example.net, several separated by commas; addresses and localhost are taken without it", "doit être des noms sans port, comme choriste.example.net, plusieurs séparés par des virgules ; adresses et localhost sont acceptés sans cela"},
	{"must be allow, or not set", "doit être allow, ou non défini"},
	{"must be never or daily", "doit être never ou daily"},
	{"must be never or check", "doit être never ou check"},
	{"must be off or resubmit", "doit être off ou resubmit"},
	{"must be once or never", "doit être once ou never"},
	{"% and % go together: set both or neither", "% et % vont ensemble : définissez les deux ou aucun"},
	{"CHORISTE_PROXY_LOGIN is set, and CHORISTE_PROXY is not", "CHORISTE_PROXY_LOGIN est défini, et CHORISTE_PROXY ne l'est pas"},
	{"CHORISTE_CA_FILE, CHORISTE_CLIENT_CERT or CHORISTE_CLIENT_KEY: %", "CHORISTE_CA_FILE, CHORISTE_CLIENT_CERT ou CHORISTE_CLIENT_KEY : %"},
	{"%, or be none", "%, ou être none"},
	{"proxy_login and proxy_password_file need a proxy beside them", "proxy_login et proxy_password_file demandent un proxy à côté d'eux"},
	{"must have openid among its scopes, as openid profile", "doit avoir openid parmi ses scopes, comme openid profile"},
	{"must be the name of one claim of the ID token, as groups", "doit être le nom d'une revendication du jeton d'identité, comme groups"},
	{"must be the name of a header, of letters, digits and dashes, as X-Remote-User", "doit être le nom d'un en-tête, de lettres, chiffres et tirets, comme X-Remote-User"},
	{"is a header that has another meaning: take one that the proxy alone sets, as X-Remote-User", "est un en-tête qui a un autre sens : prenez-en un que seul le proxy pose, comme X-Remote-User"},
	{"has a network of everybody: %", "a un réseau de tout le monde : %"},
	{"must be addresses or networks, as 10.0.0.5,10.1.0.0/24, several separated by commas", "doit être des adresses ou des réseaux, comme 10.0.0.5,10.1.0.0/24, plusieurs séparés par des virgules"},
	{"% has groups, and neither CHORISTE_OPENID_ISSUER nor CHORISTE_SIGNIN_GROUPS is set: nobody has any", "% a des groupes, et ni CHORISTE_OPENID_ISSUER ni CHORISTE_SIGNIN_GROUPS n'est défini : personne n'en a"},
	{"% confines people to accounts, and CHORISTE_CONSOLE_DATABASE_URL is not set: who sees some accounts only reads through that login, because the worker's sees all", "% limite des personnes à des comptes, et CHORISTE_CONSOLE_DATABASE_URL n'est pas défini : qui ne voit que certains comptes lit par ce login, car celui du worker voit tout"},
	{"%: user % may sign in in two ways, and CHORISTE_SECOND_PERSON is resubmit: say under known_as what the provider or the proxy calls this person, or known_as: [] for nothing", "% : l'utilisateur % peut se connecter de deux façons, et CHORISTE_SECOND_PERSON est resubmit : dites sous known_as comment le fournisseur ou le proxy nomme cette personne, ou known_as: [] pour rien"},
	{"CHORISTE_TLS_CERT and CHORISTE_TLS_KEY go together: set both or neither", "CHORISTE_TLS_CERT et CHORISTE_TLS_KEY vont ensemble : définissez les deux ou aucun"},
	{"CHORISTE_CONSOLE is proxied, and CHORISTE_USERS_FILE is not set: nobody would be asked who he is", "CHORISTE_CONSOLE est proxied, et CHORISTE_USERS_FILE n'est pas défini : on ne demanderait à personne qui il est"},
	{"CHORISTE_LISTEN % can be reached from other machines: set CHORISTE_USERS_FILE, CHORISTE_TLS_CERT and CHORISTE_TLS_KEY, or CHORISTE_CONSOLE to proxied (sign-in here, TLS ends before it), off (probes and metrics alone) or open (whoever reaches it sees every page)", "CHORISTE_LISTEN % est accessible depuis d'autres machines : définissez CHORISTE_USERS_FILE, CHORISTE_TLS_CERT et CHORISTE_TLS_KEY, ou CHORISTE_CONSOLE à proxied (connexion ici, TLS se termine avant), off (sondes et métriques seules) ou open (qui l'atteint voit chaque page)"},
	{"CHORISTE_CONSOLE_DATABASE_URL lets people act, and CHORISTE_USERS_FILE is not set: nobody would be asked who he is", "CHORISTE_CONSOLE_DATABASE_URL permet d'agir, et CHORISTE_USERS_FILE n'est pas défini : on ne demanderait à personne qui il est"},
	{"CHORISTE_TLS_CERT: the file is larger than % bytes", "CHORISTE_TLS_CERT : le fichier dépasse % octets"},
	{"CHORISTE_TLS_CERT: the file cannot be read", "CHORISTE_TLS_CERT : le fichier ne peut pas être lu"},
	{"CHORISTE_TLS_CERT and CHORISTE_TLS_KEY are no certificate in PEM and its key", "CHORISTE_TLS_CERT et CHORISTE_TLS_KEY ne sont pas un certificat en PEM et sa clé"},
	{"CHORISTE_USERS_FILE: others may read the file (mode %): chmod 600 it", "CHORISTE_USERS_FILE : d'autres peuvent lire le fichier (mode %) : faites chmod 600"},
	{"there are % %: at most % are taken", "il y a % % : au plus % sont pris"},
	{"%: users is missing; users: [] lets nobody in", "% : users manque ; users: [] ne laisse entrer personne"},
	{"a group needs a name, of at most % bytes that are seen", "un groupe demande un nom, d'au plus % octets visibles"},
	{"there is a group % already", "il y a déjà un groupe %"},
	{"group % needs a role: reader, operator or administrator", "le groupe % demande un rôle : reader, operator ou administrator"},
	{"a user needs a name, of letters, digits, _ . -", "un utilisateur demande un nom, de lettres, chiffres, _ . -"},
	{"there is a user % already", "il y a déjà un utilisateur %"},
	{"user % needs a role: reader, operator or administrator", "l'utilisateur % demande un rôle : reader, operator ou administrator"},
	{"user % needs a hash: choriste password makes it", "l'utilisateur % demande une empreinte (hash) : choriste password la fait"},
	{"accounts: an account's name has letters, digits, _ . -", "accounts : le nom d'un compte a des lettres, chiffres, _ . -"},
	{"accounts names % twice", "accounts nomme % deux fois"},
	{"accounts names at least 1 account and at most %; without it, the role holds for all", "accounts nomme au moins 1 compte et au plus % ; sans lui, le rôle vaut pour tous"},
	{"known_as has at most % names, of at most % bytes that are seen", "known_as a au plus % noms, d'au plus % octets visibles"},
	{"there are % webhooks: at most % are taken", "il y a % webhooks : au plus % sont pris"},
	{"events: % is no type of event, as invoice.settled, or invoice.*", "events : % n'est pas un type d'événement, comme invoice.settled, ou invoice.*"},
	{"events is empty: leave it out to be told of all", "events est vide : omettez-le pour tout recevoir"},
	{"a webhook needs a name, of letters, digits, _ . -", "un webhook demande un nom, de lettres, chiffres, _ . -"},
	{"there is a webhook % already", "il y a déjà un webhook %"},
	{"webhook % has no url", "le webhook % n'a pas d'url"},
	{"webhook % has no secret_file", "le webhook % n'a pas de secret_file"},
	{"must be text or json, with a level after a colon if wanted, as text:debug", "doit être text ou json, avec un niveau après un deux-points si voulu, comme text:debug"},
	{"names a level that is none of debug, info, warn, error", "nomme un niveau qui n'est ni debug, ni info, ni warn, ni error"},
	{"webhook %: %", "webhook % : %"},
	{"% is given twice", "% est donné deux fois"},
	{"% is none of %", "% n'est aucun de %"},
	{"% must be a list", "% doit être une liste"},
	{"% must be a mapping of %", "% doit associer des clés : %"},
	{"% must be a number from % to %", "% doit être un nombre de % à %"},
	{"% must be a text", "% doit être un texte"},
	{"% must be true or false", "% doit être true ou false"},
	{"%: secrets stand in files of their own: %_file", "% : les secrets sont dans des fichiers à eux : %_file"},
	{"anchors and aliases are not taken", "les ancres et les alias ne sont pas acceptés"},
	{"must be HOST:PORT, as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080; the port is a number from 1 to 65535", "doit être HÔTE:PORT, comme 127.0.0.1:8080, 0.0.0.0:8080 ou [::1]:8080 ; le port est un nombre de 1 à 65535"},
	{"must be HOST:PORT, as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080", "doit être HÔTE:PORT, comme 127.0.0.1:8080, 0.0.0.0:8080 ou [::1]:8080"},
	{"% cannot be read, or is larger than % bytes", "% ne peut pas être lu, ou dépasse % octets"},
	{"% is empty", "% est vide"},
	{"there is not one document", "il n'y a pas un document et un seul"},
	{"the secret %", "le secret %"},
}
