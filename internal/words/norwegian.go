package words

import (
	"strconv"

	"github.com/ferry-server/ferry/internal/fault"
)

var norwegianMoment = moments("%[1]d. %[2]s %[3]d, %[4]s UTC",
	"januar", "februar", "mars", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "desember")

func norwegianPages() *Pages {
	docs := englishDocs()
	docs.Link = "Hva den snakker, og hva feilene betyr (engelsk)"
	return &Pages{
		Lang: "nb", Dir: "ltr", Language: "Språk", Size: sizes(",", "byte", "byte"),

		FilesForYou:    "Filer til deg",
		DownloadAll:    "Last ned alt",
		DownloadOne:    "Last ned",
		View:           "Se på",
		AsZip:          "én zip",
		PageOf:         "Side %d av %d",
		NotShown:       "Dette dokumentet kan ikke vises her. Kanskje er det låst med et passord, eller skadet.",
		Choose:         "Velg",
		DownloadChosen: "Last ned det valgte som zip",
		AllFiles:       "Filer",
		Links:          "Lenker",
		Nothing:        "Her har det ikke kommet noe ennå. Kom tilbake om en stund.",
		Until:          "til",
		Arriving:       "Fortsatt underveis: en nedlasting begynner nå og slutter når opplastingen er ferdig.",
		PrivateLink:    "Den som har denne lenken, kan laste ned filene. Del den med omhu.",
		Nameless:       "fil",
		FilesCount:     func(n int) string { return count(n, "fil", "filer") },
		LinksCount:     func(n int) string { return count(n, "lenke", "lenker") },
		TimeLeft:       lasting("%s igjen", "mindre enn ett minutt igjen", "dag", "dager", "time", "timer", "minutt", "minutter"),
		Moment:         norwegianMoment,
		SkipToMain:     "Til innholdet",
		HomeOf:         func(name string) string { return name + ", forsiden" },
		WhatIsThis:     "frakter store filer fra menneske til menneske, på en egen server.",
		BoardKeeping:   "Hvert besøk holder denne tavlen lenger i live.",
		From:           "Fra",
		Forever:        "uten sluttdato",
		OwnLink:        "Denne lenken er din egen: den som har den, kan laste ned filene, og det teller som deg.",

		UnlockTitle:  "Passordet, takk",
		UnlockText:   "Den som sendte disse filene, har beskyttet dem. Kjenner du ikke passordet, spør avsenderen.",
		UnlockButton: "Åpne",

		HomeTitle:      "Store filer, trygt over.",
		HomeText:       "Denne serveren frakter filer fra én person til en annen, hele og i god tid. Når tiden til en lenke er ute, fjernes det som lå bak den.",
		RecipientTitle: "Har du fått en lenke?",
		RecipientText:  "Åpne den i en hvilken som helst nettleser. Du trenger verken konto eller program, og en nedlasting som ble avbrutt, fortsetter der den stoppet.",
		SenderTitle:    "Sender du fra et skript?",
		SenderText:     "Programmer laget for WeTransfers åpne API virker her. Bytt adressen deres til denne:",
		SenderAfter:    "og sjekk at nøkkelen din blir godtatt:",
		KeyTitle:       "Slik får du en nøkkel",
		KeyText:        "Spør den som driver denne serveren. Den lages med én kommando:",

		Docs: docs,

		SetupTitle:   "Velkommen om bord",
		SetupText:    "Denne serveren er ny. Lag kontoen som styrer den; denne siden virker én gang.",
		Email:        "E-postadresse",
		Password:     "Passord",
		PasswordHint: "Minst 8 tegn. Lengre er bedre.",
		SetupButton:  "Lag kontoen",
		ReadyTitle:   "Alt er klart",
		ReadyText:    "Kontoen din er laget. Her er din første API-nøkkel; programmer sender filer med den.",
		YourKey:      "API-nøkkelen din",
		KeyOnce:      "Den vises bare denne ene gangen og kan ikke slås opp senere. Ta godt vare på den.",
		TryKey:       "Prøv den",

		Mine: norwegianMine(), Account: norwegianAccount(), Admin: norwegianAdmin(), Contacts: norwegianContacts(), Report: norwegianReport(), Sending: norwegianSending(), DaysCount: func(n int) string { return count(n, "dag", "dager") },

		Ways: "Veier", SignOut: "Logg ut",
		SignIn: SignIn{
			Forgot: "Glemt passordet?", New: "Lag en konto", Name: "Navn (om du vil)", Terms: "Jeg godtar vilkårene for denne tjeneren.",
			Link: "Logg inn", Title: "Logg inn", Button: "Logg inn",
			Wrong: map[string]string{
				"wrong_password":          "Ukjent adresse eller feil passord.",
				"account_disabled":        "Denne kontoen er slått av. Spør dem som driver denne tjeneren.",
				"password_reset_required": "Dette passordet må endres først. Be om et brev som lar deg velge et nytt.",
				"too_many_tries":          "For mange forsøk. Vent et kvarter, og prøv igjen.",
			},
		},

		Forgot: Step{"Et nytt passord", "Si adressen din, så skriver vi hvordan du velger et annet.", "Skriv til meg", "Se i posten din", "Finnes det en konto med denne adressen, er et brev på vei. Det gjelder en time."},
		SignUp: Step{"Lag en konto", "Vi skriver til adressen din for å se at den er din.", "Lag kontoen min", "Se i posten din", "Et brev er på vei til deg. Kontoen lages når du følger lenken i det innen en time."},
		Register: Step{
			"Ett steg til", "Kontoen din er nesten klar.", "Fullfør kontoen min",
			"Kontoen din er klar", "Logg inn med adressen din og passordet du valgte.",
		},
		Verify: Step{
			"Er dette adressen din?", "Bekreft at adressen vi skrev til, er din.", "Ja, den er min",
			"Takk", "Adressen er bekreftet.",
		},
		NewPassword: Step{
			"Velg et nytt passord", "Det gjelder med en gang i stedet for det gamle. Overalt hvor du er logget inn, logger du inn på nytt, og API-nøklene dine opphører.",
			"Bruk dette passordet", "Passordet ditt er endret", "Logg inn med det nye fra nå av.",
		},

		Wrong: map[string]string{
			"email_invalid":   "Dette er ikke en e-postadresse.",
			"password_length": "Mellom 8 og 1024 tegn, takk.",
			"password_weak":   "For lett å gjette. Velg et annet.",
			"email_taken":     "Det finnes allerede en konto med denne adressen.",

			"password_required": "Skriv inn passordet.",
			"password_wrong":    "Dette er ikke passordet.",
			"too_many_tries":    "For mange passord er prøvd her. Vent et kvarter, og prøv igjen.",

			"reported_enough":   "Dette er allerede meldt, og blir sett på.",
			"report_invalid":    "Si hva som er galt, med høyst tusen tegn.",
			"contact_duplicate": "Det finnes allerede en kontakt med denne adressen.",
			"contacts_limit":    "Adresseboken er full.",
		},

		BackHome: "Til forsiden",
		Request:  "Hvis du sier fra til dem som driver denne serveren, gi dem dette nummeret:",

		problems: map[fault.Kind]Problem{
			fault.Internal:        {"Noe gikk i stykker", "Det er vår feil, ikke din. Prøv igjen om en stund."},
			fault.Invalid:         {"Det var ikke til å forstå", "Serveren forstår ikke denne forespørselen."},
			fault.Unauthenticated: {"Hvem er der?", "Du må logge inn for å se dette."},
			fault.Forbidden:       {"Ikke for deg", "Du har ikke lov til å se dette."},
			fault.NotFound:        {"Her er det ingenting", "Kanskje er lenken feilskrevet eller kuttet. Kom den med e-post, kopier hele."},
			fault.Gone:            {"Dette er over", "Filene bak denne lenken er fjernet. Be avsenderen sende dem på nytt."},
			fault.Conflict:        {"Ikke i denne tilstanden", "Noe har endret seg i mellomtiden. Last siden på nytt."},
			fault.TooLarge:        {"For stort", "Det var mer enn denne serveren tar imot på én gang."},
			fault.Throttled:       {"Et øyeblikk", "For mange lenker fra adressen din førte ingen steder. Vent et minutt, sjekk lenken og prøv igjen."},
			fault.Timeout:         {"For sent", "Forespørselen kom ikke fram i tide. Prøv igjen."},
			fault.Full:            {"Ikke mer plass", "Denne serveren har ikke plass til det for øyeblikket."},
			fault.Unavailable:     {"Straks tilbake", "Serveren vedlikeholdes eller har for mye å gjøre. Prøv igjen om litt."},
		},
		byCode: map[string]Problem{
			"transfer_expired":   {"Denne overføringen er utløpt", "Tiden er ute, og filene er fjernet. Be avsenderen sende dem på nytt."},
			"transfer_deleted":   {"Denne overføringen er tatt ned", "Avsenderen eller de som driver denne serveren, har fjernet den."},
			"transfer_cancelled": {"Denne overføringen er trukket tilbake", "Avsenderen avbrøt den før den var ferdig."},
			"transfer_blocked":   {"Denne overføringen er sperret", "De som driver denne serveren, har sperret den."},
			"content_damaged":    {"Disse bytene er skadet", "Lageret til serveren har endret dem, så de blir ikke gitt ut. Be avsenderen sende dem på nytt."},
			"file_deleted":       {"Denne filen er tatt ut", "Avsenderen har fjernet den. Resten står på siden til lenken."},
			"downloads_used":     {"Dette er allerede hentet", "Det kunne bare lastes ned så mange ganger, og de er brukt opp. Be avsenderen sende det på nytt."},
			"password_required":  {"Passordet, takk", "Åpne siden til lenken først. Den spør om passordet og fører tilbake hit."},
			"own_people_sign_in": {"Ikke for alle", "Firmaet til avsenderen gir bare disse filene til sine egne folk."},
			"own_people_only":    {"Ikke for alle", "Firmaet til avsenderen gir bare disse filene til sine egne folk."},
			"ticket_unknown":     {"Denne lenken gjelder ikke lenger", "Den er allerede brukt, eller tiden er ute. Be om et nytt brev."},
			"email_taken":        {"Det finnes allerede en konto", "En annen konto har denne adressen nå. Logg inn med den, eller be om et nytt passord."},
			"licences_used":      {"Ikke mer plass", "Firmaet som adressen din hører til, har så mange brukere som det kan ha. Spør den som administrerer det."},
			"blocked":            {"Ikke for denne adressen", "Denne adressen er ikke velkommen her. De som driver denne serveren, kan fortelle deg mer."},
			"method_not_allowed": {"Ikke slik", "Denne adressen tar ikke imot en slik forespørsel."},
		},
	}
}

func norwegianLetters() *Letters {
	files := func(n int) string { return count(n, "fil", "filer") }
	goodUntil := func(moment string) string { return "Lenken virker én gang, til " + moment + "." }
	return &Letters{
		Lang: "nb",

		Via:      func(sender, site string) string { return sender + " via " + site },
		Somebody: "Noen",
		Nameless: "fil",
		Subject:  func(what, subject string) string { return what + ": " + subject },

		SentYou:   func(sender string, n int) string { return sender + " har sendt deg " + files(n) },
		Confirmed: func(n int) string { return files(n) + " sendt" },
		ConfirmedText: func(n int) string {
			if n == 0 {
				return "Filene dine har kommet hele fram og kan lastes ned med lenken under."
			}
			return "Filene dine har kommet hele fram, og vi har skrevet til " + count(n, "person, med en egen lenke.", "personer, hver med sin egen lenke.")
		},
		Downloaded: func(what string) string { return "Første nedlasting av " + what },
		DownloadedBy: func(who, what, moment string) string {
			return who + " lastet ned " + what + " " + moment + "."
		},
		Everything: "alt",
		ByLink:     "Noen med lenken",
		Summed:     func(what string) string { return "Nedlastinger av " + what },
		SummedText: func(n int) string {
			return "Så langt har det vært " + count(n, "nedlasting", "nedlastinger") + "."
		},
		SummedLast: "Dette er det siste brevet om nedlastinger av denne overføringen. Siden bak knappen teller videre.",
		DownloadOf: func(what, moment string) string { return what + ", " + moment },
		FilesCount: files,
		Files:      "Filer",
		Recipients: "Skrevet til",
		Downloads:  "Nedlastinger",
		More:       func(n int) string { return "og " + strconv.Itoa(n) + " til" },
		Total:      func(n int, size string) string { return files(n) + ", " + size },
		MessageOf:  func(sender string) string { return sender + " skriver:" },
		Until:      func(moment string) string { return "De kan lastes ned til " + moment + "." },
		Forever:    "De kan lastes ned til avsenderen fjerner dem.",
		Protected:  "Et passord beskytter dem. Det står ikke i dette brevet; avsenderen har det.",
		Get:        "Hent filene",
		Look:       "Se overføringen",
		YourLink:   "Denne lenken er din egen: den som har den, kan laste ned filene, og det teller som deg.",
		SenderLink: "Den som har denne lenken, kan laste ned filene. Del den med omhu.",
		WhyYou: func(sender string) string {
			return "Du får dette brevet fordi " + sender + " skrev inn adressen din. Kjenner du ikke avsenderen, la filene ligge."
		},
		WhyYouAtAll:  "Du får dette brevet fordi noen skrev inn adressen din. Venter du ikke filer, la dem ligge.",
		WhyYouSender: "Du får dette brevet fordi du ba om det da du sendte filene.",
		Moment:       norwegianMoment,
		OrCopy:       "Eller kopier denne adressen til nettleseren:",

		Verify: Asking{
			Title: "Er dette adressen din?", Text: "Bekreft at denne e-postadressen er din. Da kan du sende filer fra den.",
			Button: "Ja, den er min", GoodUntil: goodUntil,
			NotYou: "Har du ikke bedt om dette, gjør ingenting, så skjer det ingenting.",
		},
		Reset: Asking{
			Title: "Velg et nytt passord", Text: "Noen, forhåpentligvis du, har bedt om et nytt passord til kontoen din.",
			Button: "Velg et passord", GoodUntil: goodUntil,
			NotYou: "Var det ikke deg, gjør ingenting: passordet ditt blir som det er.",
		},
		Register: Asking{
			Title: "Ett steg til", Text: "Kontoen din er nesten klar. Bekreft e-postadressen din for å fullføre den.",
			Button: "Fullfør kontoen min", GoodUntil: goodUntil,
			NotYou: "Har du ikke bedt om en konto, gjør ingenting, så blir det ingen.",
		},

		TestTitle: "E-posten virker",
		TestText:  "Dette brevet skrev ferry mail test. At du leser det, betyr at e-posten fra denne serveren kommer fram.",

		SentBy: func(site string) string {
			return "Sendt av " + site + ", som frakter store filer fra menneske til menneske, på en egen server."
		},
	}
}
