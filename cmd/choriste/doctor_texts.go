package main

import (
	"maps"

	"github.com/choriste/choriste/store"
)

// The layers, from the bottom up. docs/doctor.md has them in the same words.
const (
	layerSettings     = "settings"
	layerSecrets      = "secrets"
	layerHosts        = "hosts"
	layerDatabase     = "database"
	layerRole         = "role"
	layerMigration    = "migration"
	layerEnvironment  = "environment"
	layerClock        = "clock"
	layerNetwork      = "network"
	layerToken        = "token"
	layerAPI          = "api"
	layerSubscription = "subscription"
	layerAccount      = "account"
	layerStructures   = "structures"
	layerSearch       = "search"
	layerQuota        = "quota"
)

var layers = []string{
	layerSettings, layerSecrets, layerHosts, layerDatabase, layerRole, layerMigration, layerEnvironment, layerClock, layerNetwork, layerToken,
	layerAPI, layerSubscription, layerAccount, layerStructures, layerSearch, layerQuota,
}

// exitOf is the exit status of a broken layer: 10 for the lowest, 25 for the highest.
func exitOf(layer string) int {
	for i, l := range layers {
		if l == layer {
			return 10 + i
		}
	}
	panic("doctor: no such layer: " + layer)
}

// diagnosis is what a code says. The words of both languages take the same arguments in the same order: names, numbers and codes that need no
// translation.
type diagnosis struct {
	layer  string
	en, fr words
}

type words struct{ Means, Next string }

// diagnoses are the codes, which are stable: scripts may rely on them. Those of the database are shared with the other commands.
var diagnoses = func() map[string]diagnosis {
	all := maps.Clone(setupDiagnoses)
	for code, t := range store.Faults {
		all[code] = diagnosis{t.Layer, words(t.English), words(t.French)}
	}
	return all
}()

var setupDiagnoses = map[string]diagnosis{
	"SETTINGS_MISSING": {
		layerSettings,
		words{"Not set: %s.", "Set them. `choriste help env` says what each one is for."},
		words{"Non renseigné : %s.", "Renseigner ces réglages. « choriste help env » dit à quoi sert chacun."},
	},
	"SETTINGS_INVALID": {
		layerSettings,
		words{"Cannot be used: %s.", "Correct it. `choriste help env` says what each setting takes."},
		words{"Inutilisable : %s.", "Corriger la valeur. « choriste help env » dit ce que chaque réglage accepte."},
	},
	"ACCOUNTS_INVALID": {
		layerSettings,
		words{"The accounts cannot be used: %s.", "Correct CHORISTE_ACCOUNTS_FILE at these lines."},
		words{"Les comptes sont inutilisables : %s.", "Corriger CHORISTE_ACCOUNTS_FILE à ces lignes."},
	},
	"SETTINGS_UNKNOWN": {
		layerSettings,
		words{"Variables that look like settings are none, and change nothing: %s.", "Correct the names, or take them out. `choriste help env` lists the settings."},
		words{"Ces variables ressemblent à des réglages, n'en sont pas et ne changent rien : %s.", "Corriger les noms, ou les enlever. « choriste help env » liste les réglages."},
	},
	"STATE_DIR": {
		layerSettings,
		words{"Workers cannot keep what they know outside the database, in %s: %s. They work all the same, and notice a restore by the other witnesses alone.", "Create the directory for the worker's user (mode 700), or correct CHORISTE_STATE_DIR; run this as the worker's user."},
		words{"Les services ne peuvent pas garder hors de la base ce qu'ils savent, dans %s : %s. Ils travaillent quand même, et ne remarquent une restauration que par les autres témoins.", "Créer le répertoire pour l'utilisateur du service (mode 700), ou corriger CHORISTE_STATE_DIR ; lancer la commande avec l'utilisateur du service."},
	},
	"SECRET_FILE": {
		layerSecrets,
		words{"A file with a secret cannot be used: %s.", "Name a file that exists, is not empty, and that nobody but its owner may read (chmod 600); run this as the worker's user."},
		words{"Fichier de secret inutilisable : %s.", "Indiquer un fichier existant, non vide, que seul son propriétaire peut lire (chmod 600) ; lancer la commande avec l'utilisateur du service."},
	},
	"SECRET_WHITESPACE": {
		layerSecrets,
		words{"White space, or a character that nobody sees or types, came along when a value was copied: %s.", "Copy the value again without it; a file may end with one line break."},
		words{"Un espace, ou un caractère que personne ne voit ni ne tape, a été copié avec la valeur : %s.", "Recopier la valeur sans lui ; un fichier peut finir par un seul retour à la ligne."},
	},
	"SECRET_IN_ENVIRONMENT": {
		layerSecrets,
		words{"Secrets in environment variables can be read by other programs of this user: %s.", "Put each into a file of mode 600 and set NAME_FILE instead."},
		words{"D'autres programmes de cet utilisateur peuvent lire les secrets placés en variables d'environnement : %s.", "Mettre chacun dans un fichier en mode 600 et renseigner NOM_FILE à la place."},
	},
	"HOSTS_HALF": {
		layerHosts,
		words{"Only one of CHORUS_API_URL and CHORUS_TOKEN_URL is set.", "Set both, or neither: then CHORUS_ENV picks the pair."},
		words{"Un seul de CHORUS_API_URL et CHORUS_TOKEN_URL est renseigné.", "Renseigner les deux, ou aucun : CHORUS_ENV choisit alors la paire."},
	},
	"HOSTS_MIXED": {
		layerHosts,
		words{"Sandbox and production are mixed: API %s, token endpoint %s, CHORUS_ENV=%s.", "Unset CHORUS_API_URL and CHORUS_TOKEN_URL: CHORUS_ENV alone picks the right pair."},
		words{"Bac à sable et production sont mélangés : API %s, jetons %s, CHORUS_ENV=%s.", "Effacer CHORUS_API_URL et CHORUS_TOKEN_URL : CHORUS_ENV suffit à choisir la bonne paire."},
	},
	"HOSTS_FOREIGN": {
		layerHosts,
		words{"A host is not PISTE's: %s.", "Unset CHORUS_API_URL and CHORUS_TOKEN_URL. If this is your own way to PISTE, or a simulator, give both of its addresses and set CHORISTE_FOREIGN_HOSTS=allow; production needs https all the same."},
		words{"Un hôte n'est pas celui de PISTE : %s.", "Effacer CHORUS_API_URL et CHORUS_TOKEN_URL. S'il s'agit de votre propre accès à PISTE, ou d'un simulateur, donner ses deux adresses et CHORISTE_FOREIGN_HOSTS=allow ; la production exige https dans tous les cas."},
	},
	"HOSTS_INVALID": {
		layerHosts,
		words{"An address cannot be used: %s.", "Give CHORUS_API_URL as a root without /cpro (https://api.piste.gouv.fr) and CHORUS_TOKEN_URL in full (https://oauth.piste.gouv.fr/api/oauth/token), or neither."},
		words{"Adresse inutilisable : %s.", "Donner CHORUS_API_URL sans chemin ni /cpro (https://api.piste.gouv.fr) et CHORUS_TOKEN_URL en entier (https://oauth.piste.gouv.fr/api/oauth/token), ou aucun des deux."},
	},

	"ENVIRONMENT_MISMATCH": {
		layerEnvironment,
		words{"The database belongs to %s, and CHORUS_ENV is %s. The portal was not asked anything.", "Correct CHORUS_ENV with the credentials, or DATABASE_URL. Do not change the mark: make a new database for the other portal."},
		words{"La base appartient à %s, et CHORUS_ENV vaut %s. Rien n'a été demandé au portail.", "Corriger CHORUS_ENV avec les identifiants, ou DATABASE_URL. Ne pas changer la marque : créer une autre base pour l'autre portail."},
	},
	"CLOCK_DATABASE": {
		layerClock,
		words{"PostgreSQL's clock differs from this machine's by %s (more than 2s: warning, more than 1m: failure).", "Synchronise both machines (chrony, systemd-timesyncd). The clock that differs from the portal's, too, is the wrong one."},
		words{"L'horloge de PostgreSQL diffère de celle de cette machine de %s (plus de 2s : avis, plus d'1m : panne).", "Synchroniser les deux machines (chrony, systemd-timesyncd). Celle qui diffère aussi du portail est fausse."},
	},
	"CLOCK_PORTAL": {
		layerClock,
		words{"The portal's clock differs from this machine's by %s (more than 2s: warning, more than 1m: failure).", "Synchronise this machine's clock (chrony, systemd-timesyncd): certificates, tokens and dates depend on it."},
		words{"L'horloge du portail diffère de celle de cette machine de %s (plus de 2s : avis, plus d'1m : panne).", "Synchroniser l'horloge de cette machine (chrony, systemd-timesyncd) : certificats, jetons et dates en dépendent."},
	},

	"NETWORK_DNS": {
		layerNetwork,
		words{"The name %s is not resolved.", "Check this machine's DNS, then CHORUS_ENV or CHORUS_TOKEN_URL."},
		words{"Le nom %s n'est pas résolu.", "Vérifier le DNS de cette machine, puis CHORUS_ENV ou CHORUS_TOKEN_URL."},
	},
	"NETWORK_TCP": {
		layerNetwork,
		words{"No connection to %s.", "Have the firewall let this machine out to it on port 443, or set CHORISTE_PROXY where the world is reached by a proxy alone."},
		words{"Pas de connexion vers %s.", "Ouvrir au pare-feu la sortie de cette machine vers lui, port 443, ou renseigner CHORISTE_PROXY si l'extérieur n'est joignable que par un proxy."},
	},
	"NETWORK_TLS": {
		layerNetwork,
		words{"Connected to %s, but not over a trusted TLS.", "Check this machine's clock and root certificates (package ca-certificates), and whether something on the way opens TLS connections."},
		words{"Connexion à %s établie, mais pas en TLS de confiance.", "Vérifier l'horloge et les certificats racines de cette machine (paquet ca-certificates), et si un équipement intercepte le TLS."},
	},
	"TLS_INTERCEPTED": {
		layerNetwork,
		words{"The certificate shown for %s was issued by %s, which this machine does not trust: something on the way opens TLS, or the address is wrong.", "Ask the network's people to leave PISTE's hosts alone (best), or put the root certificate of what opens TLS into a file and set CHORISTE_CA_FILE."},
		words{"Le certificat présenté pour %s a été émis par %s, auquel cette machine ne se fie pas : un équipement ouvre le TLS, ou l'adresse est fausse.", "Demander au réseau de ne pas ouvrir le TLS vers PISTE (le mieux), ou mettre le certificat racine de cet équipement dans un fichier et renseigner CHORISTE_CA_FILE."},
	},
	"TLS_OPENED": {
		layerNetwork,
		words{"Only a root of CHORISTE_CA_FILE vouches for %s (issued by %s): what opens TLS there reads secrets and invoices, and may answer in the portal's place.", "Nothing if that is meant. Better: have the network leave PISTE's hosts alone."},
		words{"Seule une racine de CHORISTE_CA_FILE se porte garante de %s (émis par %s) : ce qui ouvre le TLS lit secrets et factures, et peut répondre à la place du portail.", "Rien si c'est voulu. Mieux : faire exclure les hôtes de PISTE de l'inspection."},
	},
	"PROXY_UNUSED": {
		layerNetwork,
		words{"The environment names a proxy, which choriste does not use: %s.", "If the world is reached by it, set CHORISTE_PROXY to it, without a login in the address."},
		words{"L'environnement nomme un proxy, que choriste n'utilise pas : %s.", "Si l'extérieur se joint par lui, renseigner CHORISTE_PROXY, sans identifiants dans l'adresse."},
	},
	"PROXY_UNREACHABLE": {
		layerNetwork,
		words{"No connection to the proxy %s.", "Check its name and port in CHORISTE_PROXY, and that this machine may reach it; for an https:// proxy, its certificate, too (CHORISTE_CA_FILE)."},
		words{"Pas de connexion au proxy %s.", "Vérifier son nom et son port dans CHORISTE_PROXY, et que cette machine peut le joindre ; pour un proxy en https://, aussi son certificat (CHORISTE_CA_FILE)."},
	},
	"PROXY_SILENT": {
		layerNetwork,
		words{"Connected to the proxy %s, which did not answer.", "Check the port in CHORISTE_PROXY; then ask the network's people whether the proxy works."},
		words{"Connecté au proxy %s, qui ne répond pas.", "Vérifier le port dans CHORISTE_PROXY ; puis demander au réseau si le proxy fonctionne."},
	},
	"PROXY_OTHER": {
		layerNetwork,
		words{"What answers at %s does not speak as an HTTP proxy does.", "Check the port in CHORISTE_PROXY (often 3128 or 8080), and http:// or https:// before it: that is how the proxy itself is spoken to, nearly always http://."},
		words{"Ce qui répond en %s ne parle pas comme un proxy HTTP.", "Vérifier le port dans CHORISTE_PROXY (souvent 3128 ou 8080), et http:// ou https:// devant : c'est la façon de parler au proxy lui-même, presque toujours http://."},
	},
	"PROXY_LOGIN": {
		layerNetwork,
		words{"The proxy %s refuses the login, or asks for one (407; it takes: %s).", "Set CHORISTE_PROXY_LOGIN and CHORISTE_PROXY_PASSWORD_FILE. choriste knows Basic alone: where the proxy takes NTLM or Negotiate only, have it let this machine through without a login, or put a relay before it (cntlm, px)."},
		words{"Le proxy %s refuse les identifiants, ou en demande (407 ; il accepte : %s).", "Renseigner CHORISTE_PROXY_LOGIN et CHORISTE_PROXY_PASSWORD_FILE. choriste ne connaît que Basic : si le proxy n'accepte que NTLM ou Negotiate, faire autoriser cette machine sans identifiants, ou placer un relais devant (cntlm, px)."},
	},
	"PROXY_FORBIDS": {
		layerNetwork,
		words{"The proxy %s does not let this machine through (HTTP %d) to %s.", "Have the proxy's people allow it, port 443, by CONNECT, for both PISTE hosts."},
		words{"Le proxy %s refuse le passage (HTTP %d) vers %s.", "Faire autoriser cet hôte sur le proxy, port 443, par CONNECT, pour les deux hôtes de PISTE."},
	},
	"PROXY_UPSTREAM": {
		layerNetwork,
		words{"The proxy %s answers (HTTP %d) that it does not reach %s.", "Try again in some minutes; then ask the proxy's people, who see the reason in its log."},
		words{"Le proxy %s répond (HTTP %d) qu'il ne joint pas %s.", "Réessayer dans quelques minutes ; puis demander à l'équipe du proxy, dont le journal donne la raison."},
	},
	"NETWORK_SILENT": {
		layerNetwork,
		words{"Connected to %s, which gave no answer in HTTP.", "Try again in some minutes; then check CHORUS_TOKEN_URL and what is on the way."},
		words{"Connexion à %s établie, sans réponse HTTP.", "Réessayer dans quelques minutes ; puis vérifier CHORUS_TOKEN_URL et les équipements intermédiaires."},
	},
	"TOKEN_CLIENT": {
		layerToken,
		words{"PISTE refuses the client id or the client secret (PISTE_CLIENT_ID, PISTE_CLIENT_SECRET); it does not say which. The technical account has nothing to do with it.", "Copy both from piste.gouv.fr, Applications, OAuth identifiers, of the right environment: sandbox and production have different ones. Renewing the secret ends the old one."},
		words{"PISTE refuse l'identifiant ou le secret de l'application (PISTE_CLIENT_ID, PISTE_CLIENT_SECRET), sans dire lequel. Le compte technique n'y est pour rien.", "Recopier les deux depuis piste.gouv.fr, Applications, identifiants OAuth, dans le bon environnement : bac à sable et production diffèrent. Renouveler le secret annule l'ancien."},
	},
	"TOKEN_SCOPE": {
		layerToken,
		words{"PISTE accepts the application and refuses the scope of PISTE_SCOPE.", "Unset PISTE_SCOPE: openid is the scope of Chorus Pro's APIs."},
		words{"PISTE accepte l'application et refuse le scope de PISTE_SCOPE.", "Effacer PISTE_SCOPE : openid est celui des API Chorus Pro."},
	},
	"TOKEN_ADDRESS": {
		layerToken,
		words{"What answers is no token endpoint, or knows no such request (%s).", "Unset CHORUS_API_URL and CHORUS_TOKEN_URL, or give the token endpoint's full address."},
		words{"Ce qui répond n'est pas le service de jetons, ou ne connaît pas cette demande (%s).", "Effacer CHORUS_API_URL et CHORUS_TOKEN_URL, ou donner l'adresse entière du service de jetons."},
	},
	"TOKEN_DOWN": {
		layerToken,
		words{"The token endpoint is out of order (%s). Nothing in your set-up is known to be wrong.", "Wait; workers go on by themselves. If it lasts, look for an announcement of PISTE."},
		words{"Le service de jetons est en panne (%s). Rien n'indique une erreur de votre côté.", "Attendre ; les services reprennent seuls. Si cela dure, chercher une annonce de PISTE."},
	},

	"API_UNREACHABLE": {
		layerAPI,
		words{"The token endpoint answers and the API does not (%s).", "Have the firewall let this machine out to the API's host, too: api.piste.gouv.fr or sandbox-api.piste.gouv.fr, port 443."},
		words{"Le service de jetons répond, l'API non (%s).", "Ouvrir aussi au pare-feu la sortie vers l'API : api.piste.gouv.fr ou sandbox-api.piste.gouv.fr, port 443."},
	},
	"API_DOWN": {
		layerAPI,
		words{"Chorus Pro is out of order (%s). Nothing in your set-up is known to be wrong.", "Wait; workers go on by themselves, and no invoice is lost. If it lasts, look for an announcement of AIFE."},
		words{"Chorus Pro est en panne (%s). Rien n'indique une erreur de votre côté.", "Attendre ; les services reprennent seuls et aucune facture n'est perdue. Si cela dure, chercher une annonce de l'AIFE."},
	},
	"API_ADDRESS": {
		layerAPI,
		words{"What answers is not Chorus Pro's API (%s).", "Unset CHORUS_API_URL and CHORUS_TOKEN_URL, or give the API's root without /cpro."},
		words{"Ce qui répond n'est pas l'API Chorus Pro (%s).", "Effacer CHORUS_API_URL et CHORUS_TOKEN_URL, ou donner la racine de l'API sans /cpro."},
	},
	"API_UNKNOWN": {
		layerAPI,
		words{"The API gave an answer that nobody has recorded yet (%s): neither good nor bad.", "Run this again; if it stays, report it with `choriste doctor --json`, which holds no secret."},
		words{"L'API a donné une réponse encore inconnue (%s) : ni bonne ni mauvaise.", "Relancer ; si elle persiste, la signaler avec « choriste doctor --json », qui ne contient aucun secret."},
	},
	"TOKEN_REFUSED": {
		layerAPI,
		words{"The API refuses tokens that the token endpoint has just given, twice.", "Check that both addresses are of the same environment, and that the PISTE application is enabled."},
		words{"L'API refuse, deux fois, des jetons que le service de jetons vient de donner.", "Vérifier que les deux adresses sont du même environnement, et que l'application PISTE est active."},
	},
	"SUBSCRIPTION_FACTURES": {
		layerSubscription,
		words{"403: the PISTE application has not subscribed to the API Factures. Deposits and searches are refused.", subscribeEN},
		words{"403 : l'application PISTE n'est pas abonnée à l'API Factures. Dépôts et recherches sont refusés.", subscribeFR},
	},
	"SUBSCRIPTION_TRANSVERSES": {
		layerSubscription,
		words{"403: the PISTE application has not subscribed to the API Transverses. Integration reports and structures cannot be read.", subscribeEN},
		words{"403 : l'application PISTE n'est pas abonnée à l'API Transverses. Comptes rendus et structures sont illisibles.", subscribeFR},
	},
	"SUBSCRIPTION_STRUCTURES": {
		layerSubscription,
		words{"403: the PISTE application has not subscribed to the API Structures. Recipients' demands and the password's end cannot be read.", subscribeEN},
		words{"403 : l'application PISTE n'est pas abonnée à l'API Structures. Exigences des destinataires et fin du mot de passe sont illisibles.", subscribeFR},
	},

	"ACCOUNT_REFUSED": {
		layerAccount,
		words{"401: Chorus Pro refuses the technical account, and does not say why: wrong login or password, not yet active (up to an hour after its creation), expired, or locked.", "If it was made within the hour, wait. Else copy login and password from Chorus Pro again (TECH_…@cpro.fr, of the same environment) and try once: five failures lock it, and only the structure's principal manager can reset it."},
		words{"401 : Chorus Pro refuse le compte technique, sans dire pourquoi : identifiant ou mot de passe faux, compte pas encore actif (jusqu'à une heure après sa création), expiré ou verrouillé.", "S'il a moins d'une heure, attendre. Sinon recopier identifiant et mot de passe depuis Chorus Pro (TECH_…@cpro.fr, même environnement) et essayer une fois : cinq échecs le verrouillent, et seul le gestionnaire principal de la structure peut le réinitialiser."},
	},
	"ACCOUNT_STOPPED": {
		layerAccount,
		words{"401: Chorus Pro refuses the technical account, which worked on %s. So it is not too young: its password has expired (after 424 days) or was changed, or it is locked.", resetEN},
		words{"401 : Chorus Pro refuse le compte technique, qui fonctionnait le %s. Il n'est donc pas trop récent : mot de passe expiré (424 jours) ou changé, ou compte verrouillé.", resetFR},
	},
	"ACCOUNT_EXPIRED": {
		layerAccount,
		words{"401: Chorus Pro refuses the technical account, whose password ended on %s, as the portal itself had announced.", resetEN},
		words{"401 : Chorus Pro refuse le compte technique, dont le mot de passe a expiré le %s, comme le portail l'avait annoncé.", resetFR},
	},
	"ACCOUNT_EXPIRES": {
		layerAccount,
		words{"The technical account's password expires in %d days, on %s. Then nothing is sent or followed.", "Have the structure's principal manager renew it at Chorus Pro, and give the new one to choriste, before that day."},
		words{"Le mot de passe du compte technique expire dans %d jours, le %s. Ensuite, plus rien n'est envoyé ni suivi.", "Le faire renouveler sur Chorus Pro par le gestionnaire principal de la structure, et donner le nouveau à choriste, avant ce jour."},
	},
	"EXPIRY_UNKNOWN": {
		layerAccount,
		words{"The portal does not say when the technical account's password expires.", "Note the day it was last set: it lasts 424 days."},
		words{"Le portail ne dit pas quand expire le mot de passe du compte technique.", "Noter le jour où il a été fixé : il dure 424 jours."},
	},
	"ACCOUNT_PAUSED": {
		layerAccount,
		words{"The account is paused since %s (%s): its invoices are neither sent nor followed.", "When the cause is gone: `choriste resume`."},
		words{"Le compte est en pause depuis le %s (%s) : ses factures ne sont ni envoyées ni suivies.", "Une fois la cause levée : « choriste resume »."},
	},
	"ACCOUNT_COMPARING": {
		layerAccount,
		words{"Deposits wait since %s for Chorus Pro to list what it holds: the account was paused, its portal was away, or no worker vouches for the time before (none ran, PostgreSQL was away, or its clock was put right).", "Wait: this takes seconds while a worker runs and Chorus Pro answers. If it lasts, the worker's log says what Chorus Pro answers."},
		words{"Les dépôts attendent depuis le %s que Chorus Pro liste ce qu'il détient : le compte était en pause, son portail absent, ou aucun worker ne répond du temps d'avant (aucun ne tournait, PostgreSQL était absent, ou son horloge a été remise à l'heure).", "Attendre : quelques secondes tant qu'un worker tourne et que Chorus Pro répond. Si cela dure, le journal du worker donne la réponse de Chorus Pro."},
	},
	"STRUCTURES_NONE": {
		layerStructures,
		words{"The technical account is attached to no active supplier structure.", "At Chorus Pro, have the structure's manager attach the technical account to it (connection, API mode), with the space Factures émises."},
		words{"Le compte technique n'est rattaché à aucune structure fournisseur active.", "Sur Chorus Pro, faire rattacher le compte technique à la structure par son gestionnaire (raccordement en mode API), avec l'espace Factures émises."},
	},
	"STRUCTURE_MISSING": {
		layerStructures,
		words{"The account is not attached to %d suppliers that it sends for, or is to: %s. Their invoices can be deposited, but not followed.", "Have the account attached to these structures at Chorus Pro, or correct the supplier in the invoices or in `suppliers`."},
		words{"Le compte n'est pas rattaché à %d fournisseurs pour lesquels il envoie, ou doit envoyer : %s. Leurs factures peuvent être déposées, mais pas suivies.", "Faire rattacher le compte à ces structures sur Chorus Pro, ou corriger le fournisseur dans les factures ou dans « suppliers »."},
	},
	"STRUCTURES_UNKNOWN": {
		layerStructures,
		words{"The list of structures was not given (%s).", "Run this again; if it stays, report it with `choriste doctor --json`, which holds no secret."},
		words{"La liste des structures n'a pas été donnée (%s).", "Relancer ; si cela persiste, le signaler avec « choriste doctor --json », qui ne contient aucun secret."},
	},
	"SEARCH_FORBIDDEN": {
		layerSearch,
		words{"The account may not search the invoices of structure %s: it cannot reconcile. A doubt about a deposit is never settled by sending again; it waits for a person.", "At Chorus Pro, give the technical account the space Factures émises of that structure."},
		words{"Le compte ne peut pas rechercher les factures de la structure %s : aucun rapprochement possible. Un doute sur un dépôt n'est jamais levé par un nouvel envoi ; il attend une personne.", "Sur Chorus Pro, donner au compte technique l'espace Factures émises de cette structure."},
	},
	"SEARCH_UNKNOWN": {
		layerSearch,
		words{"The search was answered in a way that nobody has recorded yet (%s): whether the account can reconcile is not known.", "Run this again; if it stays, report it with `choriste doctor --json`, which holds no secret."},
		words{"La recherche a reçu une réponse encore inconnue (%s) : on ne sait pas si le rapprochement est possible.", "Relancer ; si elle persiste, la signaler avec « choriste doctor --json », qui ne contient aucun secret."},
	},
	"QUOTA_TIGHT": {
		layerQuota,
		words{"429 once, then accepted: the application's quota is nearly used.", "Nothing if workers are busy. Else see what else uses this PISTE application, and lower CHORISTE_QUOTA by its share."},
		words{"Un 429, puis accepté : le quota de l'application est presque épuisé.", "Rien si les services travaillent. Sinon chercher ce qui utilise aussi cette application PISTE, et baisser CHORISTE_QUOTA d'autant."},
	},
	"QUOTA_SPENT": {
		layerQuota,
		words{"429: the PISTE application's quota is spent right now (%s).", "Wait so long. If it comes back, see what else uses this application, or have PISTE raise the quota; CHORISTE_QUOTA must not exceed it."},
		words{"429 : le quota de l'application PISTE est épuisé en ce moment (%s).", "Attendre ce délai. Si cela revient, chercher ce qui utilise aussi cette application, ou faire relever le quota par PISTE ; CHORISTE_QUOTA ne doit pas le dépasser."},
	},
}

const (
	resetEN     = "Have the structure's principal manager reset the password at Chorus Pro, give it to choriste, and run this once more. If the account is still paused then: `choriste resume`."
	resetFR     = "Faire réinitialiser le mot de passe sur Chorus Pro par le gestionnaire principal de la structure, le donner à choriste, puis relancer cette commande. Si le compte reste en pause : « choriste resume »."
	subscribeEN = "At piste.gouv.fr: accept the API's terms of use (Consentement CGU API), then tick it in the application, in the same environment. It works within minutes."
	subscribeFR = "Sur piste.gouv.fr : accepter les conditions de l'API (Consentement CGU API), puis la cocher dans l'application, dans le même environnement. L'effet vient en quelques minutes."
)
