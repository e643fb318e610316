package words

import (
	"strconv"

	"github.com/ferry-server/ferry/internal/fault"
)

var dutchMoment = moments("%[1]d %[2]s %[3]d, %[4]s UTC",
	"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december")

func dutchPages() *Pages {
	docs := englishDocs()
	docs.Link = "Wat hij spreekt, en wat zijn fouten betekenen (Engels)"
	return &Pages{
		Lang: "nl", Dir: "ltr", Language: "Taal", Size: sizes(",", "byte", "bytes"),

		FilesForYou:    "Bestanden voor u",
		DownloadAll:    "Alles downloaden",
		DownloadOne:    "Downloaden",
		View:           "Bekijk",
		AsZip:          "één zip",
		PageOf:         "Pagina %d van %d",
		NotShown:       "Dit document kan hier niet worden getoond. Misschien is het met een wachtwoord vergrendeld of beschadigd.",
		Choose:         "Kies",
		DownloadChosen: "Download het gekozene als zip",
		AllFiles:       "Bestanden",
		Links:          "Links",
		Nothing:        "Hier is nog niets aangekomen. Kom later nog eens terug.",
		Until:          "tot",
		Arriving:       "Nog onderweg: een download begint nu en eindigt met het uploaden.",
		PrivateLink:    "Wie deze link heeft, kan deze bestanden downloaden. Geef hem met zorg door.",
		Nameless:       "bestand",
		FilesCount:     func(n int) string { return count(n, "bestand", "bestanden") },
		LinksCount:     func(n int) string { return count(n, "link", "links") },
		TimeLeft:       lasting("nog %s", "nog minder dan een minuut", "dag", "dagen", "uur", "uur", "minuut", "minuten"),
		Moment:         dutchMoment,
		SkipToMain:     "Naar de inhoud",
		HomeOf:         func(name string) string { return name + ", beginpagina" },
		WhatIsThis:     "brengt grote bestanden van mens naar mens, op een eigen server.",
		BoardKeeping:   "Elk bezoek houdt dit board langer in leven.",
		From:           "Van",
		Forever:        "zonder einddatum",
		OwnLink:        "Deze link is van u: wie hem heeft, kan de bestanden downloaden, en dat telt als uw download.",

		UnlockTitle:  "Het wachtwoord, alstublieft",
		UnlockText:   "Wie deze bestanden stuurde, heeft ze beveiligd. Kent u het wachtwoord niet, vraag het dan aan de afzender.",
		UnlockButton: "Openen",

		HomeTitle:      "Grote bestanden, veilig naar de overkant.",
		HomeText:       "Deze server brengt bestanden van de een naar de ander, heel en op tijd. Is de tijd van een link voorbij, dan wordt verwijderd wat erachter lag.",
		RecipientTitle: "Hebt u een link gekregen?",
		RecipientText:  "Open hem in een willekeurige browser. U hebt geen account en geen programma nodig, en een afgebroken download gaat verder waar hij stopte.",
		SenderTitle:    "Stuurt u vanuit een script?",
		SenderText:     "Programma’s voor de openbare API van WeTransfer werken hier. Verander hun adres in dit:",
		SenderAfter:    "en controleer of uw sleutel wordt aangenomen:",
		KeyTitle:       "Hoe u een sleutel krijgt",
		KeyText:        "Vraag het aan wie deze server beheert. Die maakt er een met één opdracht:",

		Docs: docs,

		SetupTitle:   "Welkom aan boord",
		SetupText:    "Deze server is nieuw. Maak het account dat hem beheert; deze pagina werkt één keer.",
		Email:        "E-mailadres",
		Password:     "Wachtwoord",
		PasswordHint: "Ten minste 8 tekens. Langer is beter.",
		SetupButton:  "Account maken",
		ReadyTitle:   "Alles klaar",
		ReadyText:    "Uw account is gemaakt. Hier is uw eerste API-sleutel; programma’s sturen er bestanden mee.",
		YourKey:      "Uw API-sleutel",
		KeyOnce:      "Hij wordt alleen deze keer getoond en is later niet op te zoeken. Bewaar hem goed.",
		TryKey:       "Probeer hem",

		Mine: dutchMine(), Account: dutchAccount(), Admin: dutchAdmin(), Contacts: dutchContacts(), Report: dutchReport(), Sending: dutchSending(), DaysCount: func(n int) string { return count(n, "dag", "dagen") },

		Ways: "Wegen", SignOut: "Uitloggen",
		SignIn: SignIn{
			Forgot: "Wachtwoord vergeten?", New: "Account maken", Name: "Naam (als u wilt)", Terms: "Ik aanvaard de voorwaarden van deze server.",
			Link: "Inloggen", Title: "Inloggen", Button: "Inloggen",
			Wrong: map[string]string{
				"wrong_password":          "Onbekend adres of verkeerd wachtwoord.",
				"account_disabled":        "Dit account is uitgeschakeld. Vraag het de mensen die deze server beheren.",
				"password_reset_required": "Dit wachtwoord moet eerst worden gewijzigd. Vraag een brief aan waarmee u een nieuw kiest.",
				"too_many_tries":          "Te veel pogingen. Wacht een kwartier en probeer het dan opnieuw.",
			},
		},

		Forgot: Step{"Een nieuw wachtwoord", "Noem uw adres, dan schrijven we u hoe u een ander kiest.", "Schrijf mij", "Kijk in uw post", "Als er een account met dit adres is, is er een brief onderweg. Hij is een uur geldig."},
		SignUp: Step{"Account maken", "We schrijven naar uw adres, om te zien dat het van u is.", "Mijn account maken", "Kijk in uw post", "Er is een brief naar u onderweg. Uw account wordt gemaakt zodra u binnen een uur de link erin volgt."},
		Register: Step{
			"Nog één stap", "Uw account is bijna klaar.", "Mijn account afmaken",
			"Uw account is klaar", "Meld u aan met uw adres en het gekozen wachtwoord.",
		},
		Verify: Step{
			"Is dit uw adres?", "Bevestig dat het adres waaraan wij schreven van u is.", "Ja, het is van mij",
			"Dank u", "Het adres is bevestigd.",
		},
		NewPassword: Step{
			"Kies een nieuw wachtwoord", "Het komt meteen in de plaats van het oude. Overal waar u bent aangemeld, meldt u zich opnieuw aan, en uw API-sleutels vervallen.",
			"Dit wachtwoord nemen", "Uw wachtwoord is veranderd", "Meld u voortaan met het nieuwe aan.",
		},

		Wrong: map[string]string{
			"email_invalid":   "Dit is geen e-mailadres.",
			"password_length": "Tussen 8 en 1024 tekens, alstublieft.",
			"password_weak":   "Te makkelijk te raden. Kies een ander.",
			"email_taken":     "Er is al een account met dit adres.",

			"password_required": "Vul het wachtwoord in.",
			"password_wrong":    "Dit is niet het wachtwoord.",
			"too_many_tries":    "Hier zijn te veel wachtwoorden geprobeerd. Wacht een kwartier en probeer het dan opnieuw.",

			"reported_enough":   "Dit is al gemeld en wordt bekeken.",
			"report_invalid":    "Zeg wat er niet klopt, in hoogstens duizend tekens.",
			"contact_duplicate": "Er is al een contact met dit adres.",
			"contacts_limit":    "Het adresboek is vol.",
		},

		BackHome: "Naar de beginpagina",
		Request:  "Als u het de beheerders van deze server meldt, geef hun dan dit nummer:",

		problems: map[fault.Kind]Problem{
			fault.Internal:        {"Er ging iets stuk", "Dat ligt aan ons, niet aan u. Probeer het straks opnieuw."},
			fault.Invalid:         {"Dat was niet te begrijpen", "Dit verzoek begrijpt de server niet."},
			fault.Unauthenticated: {"Wie is daar?", "U moet zich aanmelden om dit te zien."},
			fault.Forbidden:       {"Niet voor u", "Dit mag u niet zien."},
			fault.NotFound:        {"Hier is niets", "Misschien is de link verkeerd getypt of afgebroken. Kwam hij per mail, kopieer hem dan helemaal."},
			fault.Gone:            {"Dit is voorbij", "De bestanden achter deze link zijn verwijderd. Vraag de afzender ze opnieuw te sturen."},
			fault.Conflict:        {"Niet in deze toestand", "Er is intussen iets veranderd. Laad de pagina opnieuw."},
			fault.TooLarge:        {"Te groot", "Dat was meer dan deze server in één keer aanneemt."},
			fault.Throttled:       {"Een ogenblik", "Te veel links van uw adres leidden nergens heen. Wacht een minuut, controleer de link en probeer het opnieuw."},
			fault.Timeout:         {"Te langzaam", "Het verzoek kwam niet op tijd aan. Probeer het opnieuw."},
			fault.Full:            {"Geen plaats meer", "Daarvoor heeft deze server op dit moment geen plaats."},
			fault.Unavailable:     {"Zo terug", "Aan de server wordt gewerkt, of hij heeft te veel te doen. Probeer het straks opnieuw."},
		},
		byCode: map[string]Problem{
			"transfer_expired":   {"Deze transfer is verlopen", "Zijn tijd is voorbij, en zijn bestanden zijn verwijderd. Vraag de afzender ze opnieuw te sturen."},
			"transfer_deleted":   {"Deze transfer is weggehaald", "De afzender of de beheerders van deze server hebben hem verwijderd."},
			"transfer_cancelled": {"Deze transfer is ingetrokken", "De afzender heeft hem afgebroken voordat hij compleet was."},
			"transfer_blocked":   {"Deze transfer is geblokkeerd", "De beheerders van deze server hebben hem geblokkeerd."},
			"content_damaged":    {"Deze bytes zijn beschadigd", "De opslag van de server heeft ze veranderd, daarom worden ze niet uitgegeven. Vraag de afzender ze opnieuw te sturen."},
			"file_deleted":       {"Dit bestand is eruit gehaald", "De afzender heeft het verwijderd. Wat er verder gestuurd is, staat op de pagina van de link."},
			"downloads_used":     {"Dit is al opgehaald", "Het kon maar zo vaak worden gedownload, en dat is op. Vraag de afzender het opnieuw te sturen."},
			"password_required":  {"Het wachtwoord, alstublieft", "Open eerst de pagina van de link. Die vraagt om het wachtwoord en leidt hierheen terug."},
			"own_people_sign_in": {"Niet voor iedereen", "Het bedrijf van de afzender geeft deze bestanden alleen aan de eigen mensen."},
			"own_people_only":    {"Niet voor iedereen", "Het bedrijf van de afzender geeft deze bestanden alleen aan de eigen mensen."},
			"ticket_unknown":     {"Deze link is niet meer geldig", "Hij is al gebruikt, of zijn tijd is voorbij. Vraag een nieuwe brief aan."},
			"email_taken":        {"Er is al een account", "Een ander account heeft dit adres inmiddels. Meld u daarmee aan, of vraag een nieuw wachtwoord aan."},
			"licences_used":      {"Geen plaats meer", "Het bedrijf waarbij uw adres hoort, heeft zo veel gebruikers als het mag hebben. Vraag het aan wie het beheert."},
			"blocked":            {"Niet voor dit adres", "Dit adres is hier niet welkom. De beheerders van deze server kunnen u meer vertellen."},
			"method_not_allowed": {"Niet op deze manier", "Dit adres neemt zo’n verzoek niet aan."},
		},
	}
}

func dutchLetters() *Letters {
	files := func(n int) string { return count(n, "bestand", "bestanden") }
	goodUntil := func(moment string) string { return "De link werkt één keer, tot " + moment + "." }
	return &Letters{
		Lang: "nl",

		Via:      func(sender, site string) string { return sender + " via " + site },
		Somebody: "Iemand",
		Nameless: "bestand",
		Subject:  func(what, subject string) string { return what + ": " + subject },

		SentYou:   func(sender string, n int) string { return sender + " heeft u " + files(n) + " gestuurd" },
		Confirmed: func(n int) string { return files(n) + " verstuurd" },
		ConfirmedText: func(n int) string {
			if n == 0 {
				return "Uw bestanden zijn hier heel aangekomen en kunnen met de link hieronder worden gedownload."
			}
			return "Uw bestanden zijn hier heel aangekomen, en " + count(n, "persoon is", "personen zijn") + " aangeschreven, ieder met een eigen link."
		},
		Downloaded: func(what string) string { return "Eerste download van " + what },
		DownloadedBy: func(who, what, moment string) string {
			return who + " heeft " + what + " gedownload op " + moment + "."
		},
		Everything: "alles",
		ByLink:     "Iemand met de link",
		Summed:     func(what string) string { return "Downloads van " + what },
		SummedText: func(n int) string { return "Tot nu toe waren er " + count(n, "download", "downloads") + "." },
		SummedLast: "Dit is de laatste brief over downloads van deze transfer. De pagina achter de knop telt door.",
		DownloadOf: func(what, moment string) string { return what + ", " + moment },
		FilesCount: files,
		Files:      "Bestanden",
		Recipients: "Aangeschreven",
		Downloads:  "Downloads",
		More:       func(n int) string { return "en nog " + strconv.Itoa(n) },
		Total:      func(n int, size string) string { return files(n) + ", " + size },
		MessageOf:  func(sender string) string { return sender + " schrijft:" },
		Until:      func(moment string) string { return "Ze kunnen tot " + moment + " worden gedownload." },
		Forever:    "Ze kunnen worden gedownload tot de afzender ze verwijdert.",
		Protected:  "Een wachtwoord beveiligt ze. Het staat niet in deze brief; de afzender heeft het.",
		Get:        "Bestanden ophalen",
		Look:       "Transfer bekijken",
		YourLink:   "Deze link is van u: wie hem heeft, kan de bestanden downloaden, en dat telt als uw download.",
		SenderLink: "Wie deze link heeft, kan de bestanden downloaden. Geef hem met zorg door.",
		WhyYou: func(sender string) string {
			return "U krijgt deze brief omdat " + sender + " uw adres heeft ingevuld. Kent u de afzender niet, laat de bestanden dan liggen."
		},
		WhyYouAtAll:  "U krijgt deze brief omdat iemand uw adres heeft ingevuld. Verwacht u geen bestanden, laat ze dan liggen.",
		WhyYouSender: "U krijgt deze brief omdat u erom vroeg toen u de bestanden stuurde.",
		Moment:       dutchMoment,
		OrCopy:       "Of kopieer dit adres naar uw browser:",

		Verify: Asking{
			Title: "Is dit uw adres?", Text: "Bevestig dat dit e-mailadres van u is. Daarna kunt u er bestanden vanaf sturen.",
			Button: "Ja, het is van mij", GoodUntil: goodUntil,
			NotYou: "Hebt u hier niet om gevraagd, doe dan niets, en er gebeurt niets.",
		},
		Reset: Asking{
			Title: "Kies een nieuw wachtwoord", Text: "Iemand, hopelijk u, heeft een nieuw wachtwoord voor uw account aangevraagd.",
			Button: "Wachtwoord kiezen", GoodUntil: goodUntil,
			NotYou: "Was u het niet, doe dan niets: uw wachtwoord blijft zoals het is.",
		},
		Register: Asking{
			Title: "Nog één stap", Text: "Uw account is bijna klaar. Bevestig uw e-mailadres om het af te maken.",
			Button: "Mijn account afmaken", GoodUntil: goodUntil,
			NotYou: "Hebt u niet om een account gevraagd, doe dan niets, en er komt er geen.",
		},

		TestTitle: "De mail werkt",
		TestText:  "Deze brief schreef ferry mail test. Dat u hem leest, betekent dat de mail van deze server aankomt.",

		SentBy: func(site string) string {
			return "Verstuurd door " + site + ", dat grote bestanden van mens naar mens brengt, op een eigen server."
		},
	}
}
