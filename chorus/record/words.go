package record

import (
	"regexp"
	"strings"
	"sync"
	"unicode"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/chorus/chorustest"
)

// vocabulary is all that may stand in a recording as it is. Whatever is not in it is replaced.
type vocabulary struct {
	chorustest.Vocabulary
	words map[string]bool // of messages, in lower case, and parts of field names
}

// messageKeys are the fields in which the portal and the gateway speak for themselves. Comments of people are not among them.
var messageKeys = setOf(`libelle libelleErreur libelleErreurDP natureErreur codeErreur error error_description errors message body statusCode`)

// smallNumbers are the fields whose numbers are nobody's data.
var smallNumbers = setOf(`codeRetour statusCodeValue expires_in status pageCourante pages nbResultatsParPage total pageResultatDemandee taillePageGenerique indexPageGenerique`)

// plainHeaders are kept, their words looked at as those of messages.
var plainHeaders = setOf(`Www-Authenticate Allow Content-Encoding`)

// gatewayWords are those of PISTE's own texts, and the names of elements in messages about documents (docs/chorus-pro.md §3.3, §7.1).
const gatewayWords = `
	bearer basic realm defaultrealm piste unauthorized unable to find token in the message access expired persistent storage client app was not found or is disabled login password
	incorrects invalid_request invalid_token invalid_client invalid_scope invalid_grant insufficient_scope unsupported_grant_type unauthorized_client openid resource read scope
	window type throttle remaining application json charset utf html text xml plain service unavailable available currently please try again later bad gateway timeout too many requests
	forbidden internal server maintenance cours actuellement disponible fonctionnel api cpro client_credentials post get gzip identity octet stream request
	fichierxml invoice creditnote exchangeddocument supplychaintradetransaction applicableheadertradeagreement applicableheadertradesettlement applicableheadertradedelivery
	buyerreference buyerorderreferenceddocument contractreferenceddocument issuerassignedid sellertradeparty buyertradeparty specifiedlegalorganization
	specifiedtradesettlementpaymentmeans paymentmeans paymentmeanscode typecode value id issuedate issuedatetime datetimestring documentcurrencycode invoicecurrencycode
	legalmonetarytotal taxinclusiveamount taxexclusiveamount payableamount specifiedtradesettlementheadermonetarysummation grandtotalamount duepayableamount taxtotalamount
	accountingsupplierparty accountingcustomerparty partyidentification partylegalentity companyid exchangeddocumentcontext businessprocessspecifieddocumentcontextparameter
	xsd err cvc datatype valid pattern element balise iban
	une facture portant ce numéro existe déjà pour fournisseur texte réel inconnu flux introuvable fichier dépasse taille maximale autorisée vide illisible nom invalide
	l'engagement juridique obligatoire identifiant destinataire référencé reference dans notre systeme système service connu structure destinataire montant égal somme hors taxe tva ttc ht
	doublon unicité unique dupliqué dupliquée rejet rejeté rejetée irrecevable irrecevabilite document syntaxe date postérieure dépôt autorisé autorisée privé valeur champ`

var codeForm = regexp.MustCompile(`^[A-Z]{3}_MSG_\d{1,3}[._]\d{1,4}$|^(ERR|BR)[-_][A-Z]{2,4}[-_][A-Z0-9]{1,4}$`)

var knownWords = sync.OnceValue(func() vocabulary {
	v := vocabulary{Vocabulary: chorustest.PortalVocabulary(), words: map[string]bool{}}
	for w := range setOf(`Bearer bearer EUR USD GBP CHF`) {
		v.Values[w] = true
	}
	for w := range strings.FieldsSeq(gatewayWords) {
		v.words[w] = true
	}
	for _, e := range answers.All() { // the table's own words for what the portal says
		for _, text := range []string{e.Example, e.FR.Means, e.FR.Do} {
			eachWord(text, func(word string, is bool) {
				if is && word == strings.ToLower(word) && strings.IndexFunc(word, unicode.IsDigit) < 0 {
					v.words[word] = true
				}
			})
		}
	}
	return v
})

func setOf(list string) map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(list) {
		set[name] = true
	}
	return set
}

// keeps tells that a word of a message is the portal's own. A capital letter may begin a sentence, or a name: the latter is nobody's word.
func (v vocabulary) keeps(word string, begins bool) bool {
	lower := strings.ToLower(word)
	switch {
	case codeForm.MatchString(word) || v.Values[word]:
		return true
	case !v.words[lower] && !v.Fields[word]:
		parts := strings.FieldsFunc(word, func(r rune) bool { return strings.ContainsRune("._/-+", r) })
		if len(parts) < 2 {
			return len(lower) == 1 && (word == lower || begins) && unicode.IsLetter([]rune(word)[0]) // l', d'
		}
		for _, part := range parts { // FichierXml.Invoice.ID.value
			if !v.words[strings.ToLower(part)] && !v.Fields[part] {
				return false
			}
		}
		return true
	case word == lower, begins, v.Fields[word]:
		return true
	}
	return strings.ToUpper(word) != word && strings.ContainsFunc(word[1:], unicode.IsUpper) || technical[lower] // BuyerReference; XSD
}

var technical = setOf(`xsd xml tva ttc ht iban api cpro piste siret siren id err bearer basic ok`)

// knowsKey tells that a field's name is made of words of the interface: a new one may be, a customer's name is not.
func (v vocabulary) knowsKey(key string) bool {
	if v.Fields[key] || v.Values[key] {
		return true
	}
	for _, part := range camel(key) {
		if !fieldParts()[part] {
			return false
		}
	}
	return len(key) <= 80 && key != ""
}

// fieldParts are the words of all field names.
var fieldParts = sync.OnceValue(func() map[string]bool {
	parts := map[string]bool{}
	for name := range knownWords().Fields {
		for _, part := range camel(name) {
			parts[part] = len(part) > 1
		}
	}
	return parts
})

// camel cuts libelleErreurDP into libelle, erreur, dp.
func camel(name string) (parts []string) {
	begin, last := 0, '_'
	for i, r := range name {
		if i > begin && unicode.IsUpper(r) && !unicode.IsUpper(last) || r == '_' {
			parts = append(parts, strings.ToLower(strings.Trim(name[begin:i], "_")))
			begin = i
		}
		last = r
	}
	return append(parts, strings.ToLower(strings.Trim(name[begin:], "_")))
}
