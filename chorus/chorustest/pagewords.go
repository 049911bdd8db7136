package chorustest

// The page's words in French, by the English ones.
var frenchWords = map[string]string{
	"Sections": "Rubriques", "Invoices": "Factures", "Fluxes": "Flux", "Clock": "Horloge", "Faults": "Pannes", "Requests": "Requêtes", "Violations": "Violations",
	"Structures": "Structures", "PISTE and Chorus Pro, simulated.": "PISTE et Chorus Pro, simulés.", "API:": "API :", "application": "application", "technical account": "compte technique",
	"time": "heure", "profile": "profil", "off": "arrêté", "on": "actif", "requests": "requêtes", "Number contains": "Le numéro contient", "Show": "Afficher", "Number": "Numéro", "Date": "Date",
	"Supplier": "Fournisseur", "Recipient": "Destinataire", "Total": "Montant", "Statut": "Statut", "Move it": "Faire avancer", "hidden": "cachée", "Comment": "Commentaire",
	"Every statut": "Tous les statuts",
	"None yet. chorus-sim -sample DIR writes invoices to deposit; docs/simulator.md shows how.": "Aucune encore. chorus-sim -sample DOSSIER écrit des factures à déposer ; docs/simulator.md montre comment.",
	"Flux": "Flux", "File": "Fichier", "Received": "Reçu", "State": "État", "Report": "Compte rendu", "None yet.": "Rien encore.", "day": "jour", "days": "jours",
	"Advance by": "Avancer de", "Advance": "Avancer", "Speed": "Vitesse", "Set": "Régler",
	"1 is real time; 3600 makes an hour of a second. Tokens live one hour of this clock.": "1 : temps réel ; 3600 : une heure par seconde. Un jeton vit une heure de cette horloge.",
	"Kind": "Type", "Operation": "Opération", "Only this number": "Seulement ce numéro", "Times": "Fois", "Add": "Ajouter", "Clear the queue": "Vider la file",
	"No fault waits.": "Aucune panne en attente.", "Random faults": "Pannes aléatoires", "Outage of": "Interruption de", "Take it down": "Interrompre", "Bring it back": "Rétablir",
	"Time": "Heure", "Answer": "Réponse", "Why": "Pourquoi", "none": "aucune", "Bodies": "Contenus", "The whole ledger, as JSON lines": "Le registre entier, en lignes JSON",
	"Requests that no correct client sends.": "Des requêtes qu'aucun client correct n'envoie.", "Rule broken": "Règle enfreinte", "None.": "Aucune.", "Name": "Nom", "Side": "Côté",
	"Wants": "Exige", "Services": "Services", "inactive": "inactive", "recipient": "destinataire", "supplier": "fournisseur", "service": "service", "commitment": "engagement",
	"service or commitment": "service ou engagement", "wants a service": "exige un service", "wants a commitment": "exige un engagement", "Services, by blanks": "Services, séparés par des espaces",
	"Add or change": "Ajouter ou modifier", "Begin anew": "Recommencer",
	"forget every invoice, flux, fault and structure that was added": "oublier les factures, les flux, les pannes et les structures ajoutées", "Reset": "Réinitialiser",
}
