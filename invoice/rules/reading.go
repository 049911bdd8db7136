package rules

import (
	"strings"

	"github.com/choriste/choriste/invoice"
)

// declared says that the sender calls the document something else than it is.
func declared(said, is string) Finding {
	r := readingRules[0]
	return Finding{
		Code: r.Code, Severity: r.Severity, Value: cut(said), Remedy: r.Remedy, RemedyFR: r.RemedyFR,
		Message: "syntaxe_flux says " + cut(said) + ", but the document is " + is, MessageFR: "syntaxe_flux vaut " + cut(said) + ", mais le document est " + is,
	}
}

// chCode is the code of a problem of reading.
func chCode(code string) string { return "CH-" + strings.ReplaceAll(code, "_", "-") }

func reading(code, text, textFR, remedy, remedyFR string) Rule {
	return Rule{Code: chCode(code), Severity: Error, Source: "docs/chorus-pro.md §6", Weight: "S", Text: text, TextFR: textFR, Remedy: remedy, RemedyFR: remedyFR}
}

// readingRules are the reasons for which a document cannot be read at all. No setting changes them.
var readingRules = []Rule{
	reading("SYNTAXE", "syntaxe_flux names another syntax than the document's", "syntaxe_flux nomme une autre syntaxe que celle du document",
		"Leave syntaxe_flux null to have it recognised.", "Laissez syntaxe_flux vide : elle sera reconnue."),
	reading(invoice.CodeEmpty, "the document is empty", "le document est vide", "Insert the invoice file.", "Insérez le fichier de la facture."),
	reading(invoice.CodeTooLarge, "the document has more than 10 MB", "le document fait plus de 10 Mo", "Make its attachments smaller.", "Réduisez ses pièces jointes."),
	reading(invoice.CodeNotAnInvoice, "the document is no invoice", "le document n'est pas une facture",
		"Insert UBL 2.1, CII D16B or a Factur-X PDF.", "Insérez de l'UBL 2.1, du CII D16B ou un PDF Factur-X."),
	reading(invoice.CodeArchive, "the document is an archive", "le document est une archive", "Insert each invoice file by itself.", "Insérez chaque fichier de facture séparément."),
	reading(invoice.CodeVersion, "the document is of an older standard (ZUGFeRD 1.0, CII before D16B)", "le document suit une norme ancienne (ZUGFeRD 1.0, CII antérieur à D16B)",
		"Write CII D16B.", "Écrivez du CII D16B."),
	reading(invoice.CodeTruncated, "the document ends before its end", "le document s'arrête avant sa fin", "Insert the whole file.", "Insérez le fichier entier."),
	reading(invoice.CodeXML, "the XML is not well formed", "le XML est mal formé", "Correct it at the line and column that the message names.",
		"Corrigez-le à la ligne et à la colonne qu'indique le message."),
	reading(invoice.CodeDTD, "the document contains a DTD", "le document contient une DTD", "Remove <!DOCTYPE …>.", "Supprimez <!DOCTYPE …>."),
	reading(invoice.CodeTooDeep, "more than 100 elements lie within one another", "plus de 100 éléments sont imbriqués", "Write the invoice's elements only.",
		"N'écrivez que les éléments d'une facture."),
	reading(invoice.CodeTooManyElements, "the document has more than 200,000 elements or comments", "le document a plus de 200 000 éléments ou commentaires",
		"Split the invoice.", "Scindez la facture."),
	reading(invoice.CodeEncoding, "the document is not in the encoding that it declares", "le document n'est pas dans l'encodage qu'il déclare",
		"Write UTF-8, and declare it.", "Écrivez en UTF-8, et déclarez-le."),
	reading(invoice.CodePDF, "the PDF is damaged or too complex", "le PDF est abîmé ou trop complexe", "Open it and save it again.", "Ouvrez-le et enregistrez-le de nouveau."),
	reading(invoice.CodePDFEncrypted, "the PDF is encrypted", "le PDF est chiffré", "Save it without a password.", "Enregistrez-le sans mot de passe."),
	reading(invoice.CodeFields, "fields are not what a PDF without XML needs, or the document needs none", "fields ne convient pas à un PDF sans XML, ou le document n'en veut pas",
		"Write the fields as docs/sql.md says (A PDF without XML), or leave them out.", "Écrivez les champs comme l'indique docs/sql.md (A PDF without XML), ou ne les indiquez pas."),
	reading(invoice.CodePDFWithoutInvoice, "the PDF carries no invoice", "le PDF ne porte pas de facture", "Attach the CII as factur-x.xml, or say in fields beside the PDF what it says (docs/sql.md, A PDF without XML).",
		"Joignez le CII sous le nom factur-x.xml, ou indiquez dans fields, à côté du PDF, ce qu'il dit (docs/sql.md, A PDF without XML)."),
}
