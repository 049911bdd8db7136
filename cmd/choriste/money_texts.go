package main

// moneyWords are the words of choriste money, in one language.
type moneyWords struct {
	nothing, open, recipient, settled string
	rate, given                       string
}

var moneyTexts = map[string]moneyWords{
	"en": {
		nothing:   "Nothing is open, and nothing was settled in this period.",
		open:      "OPEN\tINVOICES\tAMOUNT\tSINCE\tLATE INTEREST + INDEMNITY",
		recipient: "RECIPIENT\tINVOICES\tAMOUNT\tSINCE\tLATE\tLATE INTEREST + INDEMNITY",
		settled:   "SETTLED\tINVOICES\tAMOUNT\tDAYS\tLATE\tLATE INTEREST + INDEMNITY",
		rate:      "Rate = the European Central Bank's on the first day of the half-year in which interest begins to run, + 8 points (R2192-31). The last one known is %s %% of %s: see that it still holds.\n",
		given:     "Rate = %s %%, as given, + 8 points (R2192-31).\n",
	},
	"fr": {
		nothing:   "Rien n'est dû, et rien n'a été soldé dans cette période.",
		open:      "DÛ\tFACTURES\tMONTANT\tDEPUIS\tINTÉRÊTS MORATOIRES + INDEMNITÉ",
		recipient: "DESTINATAIRE\tFACTURES\tMONTANT\tDEPUIS\tEN RETARD\tINTÉRÊTS MORATOIRES + INDEMNITÉ",
		settled:   "SOLDÉ\tFACTURES\tMONTANT\tJOURS\tEN RETARD\tINTÉRÊTS MORATOIRES + INDEMNITÉ",
		rate:      "Taux = celui de la Banque centrale européenne au premier jour du semestre où les intérêts commencent à courir, + 8 points (R2192-31). Le dernier connu est de %s %% au %s : vérifiez qu'il vaut toujours.\n",
		given:     "Taux = %s %%, comme indiqué, + 8 points (R2192-31).\n",
	},
}
