package answers

// The operations, as chorus names them.
const (
	opDeposit   = "factures/deposer/flux"
	opSearch    = "factures/rechercher/fournisseur"
	opFind      = "structures/rechercher"
	opReport    = "transverses/consulterCRDetaille"
	opAjouter   = "transverses/ajouter/fichier"
	opCompleter = "factures/completer"
	opRecycler  = "factures/recycler"
)

// returns are codeRetour and message codes. The numbers are used again with another meaning from one operation to the next: the operation and the message
// code decide (docs/chorus-pro.md §9).
var returns = []Entry{
	{
		Code: "0", Who: Nobody, Retry: None,
		EN:   Words{"Done.", "Nothing. Of a deposit it says that the file has arrived, and nothing about the invoice in it."},
		FR:   Words{"C'est fait.", "Rien. Pour un dépôt, cela dit que le fichier est arrivé, et rien de la facture qu'il contient."},
		Mark: "S", Source: "Swagger; messages TRA_MSG_00.000, GCU_MSG_01_000, CODE PAR DEFAUT",
	},
	{
		Code: "TRA_MSG_00.000", Message: "TRA_MSG_00.000", Who: Nobody, Retry: None,
		EN:   Words{"Done (a read).", "Nothing."},
		FR:   Words{"C'est fait (lecture).", "Rien."},
		Mark: "S", Source: "AIFE samples",
	},
	{
		Code: "GCU_MSG_01.000", Message: "GCU_MSG_01.000", Who: Nobody, Retry: None,
		EN:   Words{"Done (a write).", "Nothing."},
		FR:   Words{"C'est fait (écriture).", "Rien."},
		Mark: "S", Source: "AIFE samples",
	},
	{
		Code: "20000 TRA_MSG_00.015", Number: 20000, Message: "TRA_MSG_00.015", On: []string{opSearch, opFind}, Who: Nobody, Retry: None,
		EN:   Words{"The search found nothing. This is an empty result and no error.", "Nothing."},
		FR:   Words{"La recherche n'a rien trouvé. C'est un résultat vide, pas une erreur.", "Rien."},
		Mark: "P", Source: "Pastell",
	},
	{
		Code: "20007 GFT_MSG_01.075", Number: 20007, Message: "GFT_MSG_01.075", On: []string{opSearch, opFind}, Who: Nobody, Retry: None,
		EN:   Words{"The search (works invoices) found nothing. This is an empty result and no error.", "Nothing."},
		FR:   Words{"La recherche (factures de travaux) n'a rien trouvé. C'est un résultat vide, pas une erreur.", "Rien."},
		Mark: "C", Source: "public clients quoting the annex",
	},
	{
		Code: "20001 POQ_MSG_01.003", Number: 20001, Message: "POQ_MSG_01.003", On: []string{opReport}, Who: Nobody, Retry: Automatic,
		EN:   Words{"The portal does not know this flux, or not yet: normal in the minutes after a deposit.", "Nothing: it is asked again. After hours it is an incident: look at the portal (Suivi des flux)."},
		FR:   Words{"Le portail ne connaît pas ce flux, ou pas encore : normal dans les minutes qui suivent un dépôt.", "Rien : la question est reposée. Au bout de plusieurs heures, c'est un incident : voir le portail (Suivi des flux)."},
		Mark: "C L", Source: "Krosoft fixture, NortKron's behaviour",
	},
	{
		Code: "20001 GDP_MSG_11.022", Number: 20001, Message: "GDP_MSG_11.022", On: []string{opDeposit}, Who: Supplier, Retry: Never,
		EN:   Words{"The deposit was refused: the file is too large.", "Make its attachments smaller (10 MB each, 30 MB the flux) and insert it again; same number."},
		FR:   Words{"Dépôt refusé : le fichier est trop gros.", "Réduire les pièces jointes (10 Mo chacune, 30 Mo le flux) et l'insérer de nouveau ; même numéro."},
		Mark: "C", Source: "omnibill quoting the API annex V5.00",
	},
	{
		Code: "20001 GDP_MSG_11.005", Number: 20001, Message: "GDP_MSG_11.005", Who: Operator, Retry: AfterChange,
		EN:   Words{"The technical account may not do this for this structure.", "Whoever administers the structure at Chorus Pro gives the account the space Factures émises of it; then choriste goes on."},
		FR:   Words{"Le compte technique n'y est pas habilité pour cette structure.", "Le gestionnaire de la structure lui donne l'espace Factures émises sur Chorus Pro ; choriste reprend ensuite."},
		Mark: "C", Source: "C# client quoting the annex (completer); elsewhere by analogy",
	},
	{
		Code: "20000 GDP_MSG_11.008", Number: 20000, Message: "GDP_MSG_11.008", On: []string{opCompleter, opRecycler}, Who: Operator, Retry: Never,
		EN:   Words{"The portal has no such invoice.", "Compare identifiantFactureCPP of the row with the portal; the invoice may have been deleted there."},
		FR:   Words{"Le portail n'a pas cette facture.", "Comparer l'identifiantFactureCPP avec le portail ; la facture y a peut-être été supprimée."},
		Mark: "C", Source: "C# client quoting the annex",
	},
	{
		Code: "20002 GDP_MSG_11.033", Number: 20002, Message: "GDP_MSG_11.033", On: []string{opCompleter, opRecycler}, Who: Supplier, Retry: Never,
		EN:   Words{"The invoice is not suspended, or not any more: it cannot be completed.", "Look at its status (choriste show ID): somebody has completed it, or the recipient has moved on."},
		FR:   Words{"La facture n'est pas, ou plus, suspendue : elle ne peut être complétée.", "Voir son statut (choriste show ID) : quelqu'un l'a complétée, ou le destinataire a poursuivi."},
		Mark: "C", Source: "C# client quoting the annex",
	},
	{
		Code: "GDP_MSG_11.001", Message: "GDP_MSG_11.001", On: []string{opCompleter, opRecycler}, Who: Supplier, Retry: Never,
		EN:   Words{"The status of the invoice does not allow this.", "Look at its status: complete is for SUSPENDUE, recycle for A_RECYCLER, replace for REJETEE."},
		FR:   Words{"Le statut de la facture ne le permet pas.", "Voir son statut : compléter pour SUSPENDUE, recycler pour A_RECYCLER, remplacer pour REJETEE."},
		Mark: "C", Source: "public clients",
	},
	{
		Code: "20003 ajouter/fichier", Number: 20003, On: []string{opAjouter}, Who: Supplier, Retry: Never,
		EN:   Words{"The attachment is refused, as a rule because it has 10 MB or more.", "Attach a smaller file, or several."},
		FR:   Words{"La pièce jointe est refusée, en général parce qu'elle atteint 10 Mo.", "Joindre un fichier plus petit, ou plusieurs."},
		Mark: "C", Source: "go-choruspro's note from the Swagger",
	},
}

// gateway is what PISTE answers before Chorus Pro is asked, and its token endpoint.
var gateway = []Entry{
	{
		Code: "HTTP 400", Who: Operator, Retry: AfterChange,
		EN:   Words{"With codeRetour: Chorus Pro refuses the request. Without: the gateway does, or the token endpoint (invalid_client).", "choriste doctor names the layer."},
		FR:   Words{"Avec codeRetour : Chorus Pro refuse la requête. Sans : la passerelle, ou le point d'accès au jeton (invalid_client).", "choriste doctor nomme la couche en cause."},
		Mark: "L C", Source: "invoicerr (live), go-choruspro",
	},
	{
		Code: "HTTP 401", Who: Operator, Retry: AfterChange,
		EN:   Words{"The token or the technical account is refused; the header WWW-Authenticate says which.", "A token is renewed by itself. Of an account: correct CHORUS_LOGIN and CHORUS_PASSWORD, then choriste resume. Five failures lock it."},
		FR:   Words{"Le jeton ou le compte technique est refusé ; l'en-tête WWW-Authenticate dit lequel.", "Un jeton se renouvelle seul. Pour le compte : corriger CHORUS_LOGIN et CHORUS_PASSWORD, puis choriste resume. Cinq échecs le verrouillent."},
		Mark: "P L", Source: "OCA b65a90cf, turbo124 (live)",
	},
	{
		Code: "HTTP 403", Who: Operator, Retry: AfterChange,
		EN:   Words{"The PISTE application has not subscribed to this API, its terms were not accepted, or the path does not exist.", "Tick the API and accept its terms (CGU) at PISTE for this application."},
		FR:   Words{"L'application PISTE n'est pas abonnée à cette API, ses CGU ne sont pas acceptées, ou le chemin n'existe pas.", "Cocher l'API et accepter ses CGU sur PISTE pour cette application."},
		Mark: "L", Source: "invoicerr (live)",
	},
	{
		Code: "HTTP 404", Who: Operator, Retry: AfterChange,
		EN:   Words{"The gateway knows no such path.", "Check CHORUS_API_URL (without /cpro at its end) and the version of choriste."},
		FR:   Words{"La passerelle ne connaît pas ce chemin.", "Vérifier CHORUS_API_URL (sans /cpro à la fin) et la version de choriste."},
		Mark: "S", Source: "PISTE user guide",
	},
	{
		Code: "HTTP 413", Who: Supplier, Retry: Never,
		EN:   Words{"The request is too large.", "Make the attachments of the document smaller."},
		FR:   Words{"La requête est trop grosse.", "Réduire les pièces jointes du document."},
		Mark: "S", Source: "Swagger (deposer/pdf, telecharger/groupe)",
	},
	{
		Code: "HTTP 415", Who: Operator, Retry: AfterChange,
		EN:   Words{"The gateway refuses the content type, which only the program or something between it and PISTE sets.", "Look for a proxy that changes headers; report it."},
		FR:   Words{"La passerelle refuse le type de contenu, que seul le programme ou un intermédiaire fixe.", "Chercher un proxy qui modifie les en-têtes ; le signaler."},
		Mark: "S P", Source: "Swagger; OCA ed3cd4af",
	},
	{
		Code: "HTTP 429", Who: Nobody, Retry: Automatic,
		EN:   Words{"Too many requests: 20 a second for a PISTE application, by default.", "Nothing: the fleet waits as long as asked. If it stays, another program uses the same application, or CHORISTE_QUOTA is too high."},
		FR:   Words{"Trop de requêtes : 20 par seconde et par application PISTE, par défaut.", "Rien : la flotte attend le temps demandé. Si cela dure, un autre programme utilise la même application, ou CHORISTE_QUOTA est trop haut."},
		Mark: "S", Source: "PISTE user guide §7.10",
	},
	{
		Code: "HTTP 500", Who: Portal, Retry: LookUp,
		EN:   Words{"The portal failed. A deposit may have arrived all the same.", "Nothing: choriste looks for it before it sends again."},
		FR:   Words{"Le portail est en panne. Un dépôt a pu arriver malgré tout.", "Rien : choriste le recherche avant de renvoyer."},
		Mark: "S", Source: "Swagger; no body documented",
	},
	{
		Code: "HTTP 502", Who: Portal, Retry: LookUp,
		EN:   Words{"The gateway had no answer from Chorus Pro. A deposit may have arrived all the same.", "Nothing: choriste looks for it before it sends again."},
		FR:   Words{"La passerelle n'a pas eu de réponse de Chorus Pro. Un dépôt a pu arriver malgré tout.", "Rien : choriste le recherche avant de renvoyer."},
		Mark: "C", Source: "Axway documentation",
	},
	{
		Code: "HTTP 503", Who: Portal, Retry: LookUp,
		EN:   Words{"Chorus Pro is closed or overloaded. A deposit may have arrived all the same.", "Nothing: choriste looks for it before it sends again, and waits while the portal is down."},
		FR:   Words{"Chorus Pro est fermé ou saturé. Un dépôt a pu arriver malgré tout.", "Rien : choriste le recherche avant de renvoyer, et attend tant que le portail est en panne."},
		Mark: "C", Source: "vendors' help pages",
	},
	{
		Code: "HTTP 504", Who: Portal, Retry: LookUp,
		EN:   Words{"Chorus Pro did not answer the gateway in time. A deposit may well have arrived.", "Nothing: choriste looks for it before it sends again."},
		FR:   Words{"Chorus Pro n'a pas répondu à temps à la passerelle. Un dépôt a fort bien pu arriver.", "Rien : choriste le recherche avant de renvoyer."},
		Mark: "C", Source: "Axway documentation",
	},
	{
		Code: "INVALID_CLIENT", Who: Operator, Retry: AfterChange, Pattern: `invalid_client`,
		EN:   Words{"PISTE knows no such client id, or the client secret is wrong: it says the same for both.", "Copy both again from the application at PISTE, of the right environment (sandbox or production)."},
		FR:   Words{"PISTE ne connaît pas ce client id, ou le client secret est faux : la réponse est la même.", "Recopier les deux depuis l'application PISTE du bon environnement (sandbox ou production)."},
		Mark: "L", Source: "invoicerr (live)", Example: `{"error":"invalid_client"}`, Not: `{"error":"invalid_scope"}`,
	},
	{
		Code: "ACCOUNT_REFUSED", Who: Operator, Retry: AfterChange, Pattern: `login or password`,
		EN:   Words{"Chorus Pro refuses the technical account: wrong login or password, expired (every 424 days), locked, or younger than an hour.", "Correct CHORUS_LOGIN and CHORUS_PASSWORD, then choriste resume. Do not try often: five failures lock it."},
		FR:   Words{"Chorus Pro refuse le compte technique : login ou mot de passe faux, expiré (tous les 424 jours), verrouillé, ou créé depuis moins d'une heure.", "Corriger CHORUS_LOGIN et CHORUS_PASSWORD, puis choriste resume. Ne pas insister : cinq échecs le verrouillent."},
		Mark: "P L", Source: "OCA b65a90cf", Example: `Bearer realm="PISTE",error="Unauthorized",error_description="login or password incorrects"`, Not: `Bearer realm="PISTE",error="invalid_token"`,
	},
	{
		Code: "TOKEN_REFUSED", Who: Nobody, Retry: Automatic, Pattern: `invalid_token|access token|find token in the message|client app was not found`,
		EN:   Words{"The OAuth token is refused: it ended, or PISTE has forgotten it.", "Nothing: a new one is fetched once. If it stays, the application at PISTE is disabled."},
		FR:   Words{"Le jeton OAuth est refusé : il a expiré, ou PISTE l'a oublié.", "Rien : un nouveau est demandé une fois. Si cela dure, l'application est désactivée sur PISTE."},
		Mark: "L C", Source: "invoicerr (live), Axway documentation", Example: "The access token expired.", Not: "The token endpoint is slow.",
	},
	{
		Code: "SCOPE", Who: Operator, Retry: AfterChange, Pattern: `invalid_scope|insufficient_scope`,
		EN:   Words{"PISTE does not grant the scope that is asked for.", "Set PISTE_SCOPE to openid, and see that the APIs are ticked for the application."},
		FR:   Words{"PISTE n'accorde pas le scope demandé.", "Mettre PISTE_SCOPE à openid, et vérifier que les API sont cochées pour l'application."},
		Mark: "C", Source: "Axway documentation, RFC 6749", Example: `{"error":"invalid_scope"}`, Not: "scope=openid",
	},
}
