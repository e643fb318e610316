package words

// Report is what the pages say on which people report a link, and on which that is read.
type Report struct {
	Link, Tab                             string // to the one, and to the other
	Title, Lead, What, Text, From, Button string
	DoneTitle, DoneText                   string
	Block, Dismiss, GiveBack, Dismissed   string
	Kinds                                 map[string]string // by report.Kind
}

func englishReport() Report {
	return Report{
		Link:      "Report this",
		Tab:       "Reports",
		Title:     "Report a link",
		Lead:      "Something is wrong with what this link opens? The people who run this server read what you write, and can take it out of sight.",
		What:      "What is wrong",
		Text:      "Say what you have seen",
		From:      "Your address, if you want an answer",
		Button:    "Send the report",
		DoneTitle: "Thank you",
		DoneText:  "The people who run this server will look at it.",
		Block:     "Take out of sight",
		Dismiss:   "Nothing is wrong",
		GiveBack:  "Give back",
		Dismissed: "nothing wrong",
		Kinds: map[string]string{
			"harmful":   "harms computers (viruses and the like)",
			"phishing":  "pretends to be somebody, to get at passwords or money",
			"illegal":   "is against the law",
			"copyright": "is not the sender’s to give away",
			"other":     "something else",
		},
	}
}

func germanReport() Report {
	return Report{
		Link:      "Das hier melden",
		Tab:       "Meldungen",
		Title:     "Einen Link melden",
		Lead:      "Stimmt etwas nicht mit dem, was dieser Link öffnet? Die Betreiber dieses Servers lesen, was Sie schreiben, und können es sperren.",
		What:      "Was nicht stimmt",
		Text:      "Sagen Sie, was Sie gesehen haben",
		From:      "Ihre Adresse, wenn Sie eine Antwort möchten",
		Button:    "Meldung senden",
		DoneTitle: "Danke",
		DoneText:  "Die Betreiber dieses Servers sehen es sich an.",
		Block:     "Sperren",
		Dismiss:   "Es stimmt alles",
		GiveBack:  "Zurückgeben",
		Dismissed: "nichts zu beanstanden",
		Kinds: map[string]string{
			"harmful":   "schadet Computern (Viren und Ähnliches)",
			"phishing":  "gibt sich als jemand aus, um an Passwörter oder Geld zu kommen",
			"illegal":   "verstößt gegen das Gesetz",
			"copyright": "darf der Absender nicht weitergeben",
			"other":     "etwas anderes",
		},
	}
}

func dutchReport() Report {
	return Report{
		Link:      "Dit melden",
		Tab:       "Meldingen",
		Title:     "Een link melden",
		Lead:      "Klopt er iets niet aan wat deze link opent? De beheerders van deze server lezen wat u schrijft en kunnen het blokkeren.",
		What:      "Wat er niet klopt",
		Text:      "Zeg wat u hebt gezien",
		From:      "Uw adres, als u een antwoord wilt",
		Button:    "Melding versturen",
		DoneTitle: "Dank u",
		DoneText:  "De beheerders van deze server kijken ernaar.",
		Block:     "Blokkeren",
		Dismiss:   "Er is niets mis",
		GiveBack:  "Teruggeven",
		Dismissed: "niets mis",
		Kinds: map[string]string{
			"harmful":   "is schadelijk voor computers (virussen en dergelijke)",
			"phishing":  "doet zich voor als iemand, om aan wachtwoorden of geld te komen",
			"illegal":   "is tegen de wet",
			"copyright": "mag de afzender niet weggeven",
			"other":     "iets anders",
		},
	}
}

func spanishReport() Report {
	return Report{
		Link:      "Denunciar esto",
		Tab:       "Denuncias",
		Title:     "Denunciar un enlace",
		Lead:      "¿Hay algo mal en lo que abre este enlace? Quienes llevan este servidor leen lo que escriba y pueden bloquearlo.",
		What:      "Qué está mal",
		Text:      "Diga qué ha visto",
		From:      "Su dirección, si quiere una respuesta",
		Button:    "Enviar la denuncia",
		DoneTitle: "Gracias",
		DoneText:  "Quienes llevan este servidor lo mirarán.",
		Block:     "Bloquear",
		Dismiss:   "No hay nada mal",
		GiveBack:  "Devolver",
		Dismissed: "nada mal",
		Kinds: map[string]string{
			"harmful":   "daña ordenadores (virus y similares)",
			"phishing":  "se hace pasar por alguien para conseguir contraseñas o dinero",
			"illegal":   "va contra la ley",
			"copyright": "no es de quien lo envía",
			"other":     "otra cosa",
		},
	}
}

func norwegianReport() Report {
	return Report{
		Link:      "Meld fra om dette",
		Tab:       "Meldinger",
		Title:     "Meld fra om en lenke",
		Lead:      "Er det noe galt med det denne lenken åpner? De som driver denne tjeneren, leser det du skriver, og kan sperre det.",
		What:      "Hva som er galt",
		Text:      "Si hva du har sett",
		From:      "Adressen din, om du vil ha svar",
		Button:    "Send meldingen",
		DoneTitle: "Takk",
		DoneText:  "De som driver denne tjeneren, ser på det.",
		Block:     "Sperr",
		Dismiss:   "Ingenting er galt",
		GiveBack:  "Gi tilbake",
		Dismissed: "ingenting galt",
		Kinds: map[string]string{
			"harmful":   "skader datamaskiner (virus og lignende)",
			"phishing":  "gir seg ut for å være noen, for å få tak i passord eller penger",
			"illegal":   "er mot loven",
			"copyright": "er ikke avsenderens å gi bort",
			"other":     "noe annet",
		},
	}
}
