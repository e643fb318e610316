package words

import "strconv"

// Admin is what the page says on which an installation is administered.
type Admin struct {
	Title, Users, Admin, Off                 string
	Plan, NoPlan, Set, Disable, Enable       string
	New, MakeAdmin, Create                   string
	Blocks, BlocksText, Pattern, Reason      string
	Block, Unblock                           string
	Dead, DeadText, Revive, ReviveAll, Tries string // Tries: with %d

	Companies, NewCompany, CreateCompany, CompanyOf string
	Name, Domain, DomainHint, Licences, PaidUntil   string
	PlanOfNew, PlanOfAdmin                          string
	UsersOf                                         func(n, most int) string // most 0: no number is set

	Settings, SettingsText, Setting, Value, From    string
	Default, Preset, File, Environment, CommandLine string // where settings come from

	Traffic, Stored, In, Out, Free, AsTable, Day, TrafficText string
	Most                                                      string // with %s

	Journal, JournalText, Refused, Unknown string // Refused: before why
}

// of counts things of which there may be so many, or, with 0, any number.
func of(n, most int, one, many string) string {
	if most == 0 {
		return count(n, one, many)
	}
	return strconv.Itoa(n) + " / " + count(most, one, many)
}

func englishAdmin() Admin {
	return Admin{
		Traffic:       "Traffic",
		Stored:        "Stored",
		In:            "Came in",
		Out:           "Went out",
		Free:          "Free",
		Most:          "at most %s in a day",
		AsTable:       "As a table",
		Day:           "Day",
		TrafficText:   "Parts that were acknowledged, and bytes of files that were handed out, over the last thirty days (UTC). What is stored is as of a minute ago, and a server that is killed may lose the last minute of the rest.",
		Companies:     "Companies",
		Settings:      "Settings",
		Journal:       "Journal",
		CompanyOf:     "Company (if any)",
		Domain:        "Domain of its addresses",
		DomainHint:    "Whoever signs up with such an address joins it.",
		Licences:      "Users it may have (0: as its plan says)",
		PaidUntil:     "Paid until (empty: nothing to pay)",
		Name:          "Name",
		NewCompany:    "A new company",
		CreateCompany: "Make the company",
		PlanOfNew:     "Plan of new users",
		PlanOfAdmin:   "that of who adds them",
		SettingsText:  "What this server runs with. Bold is what somebody chose; the rest is as it comes. Change settings where they stand, and start the server anew.",
		Setting:       "Setting",
		Value:         "Value",
		From:          "From",
		JournalText:   "What was administered on these pages, by whom. It is written down before it is done.",
		Refused:       "not done:",
		Unknown:       "it is not known whether it was done",
		Default:       "default", Preset: "--compat", File: "file", Environment: "environment", CommandLine: "command line",
		UsersOf: func(n, most int) string { return of(n, most, "user", "users") },
		Title:   "Administration", Users: "Accounts", Admin: "administers", Off: "switched off",
		Plan: "Plan of", NoPlan: "no plan", Set: "Set", Disable: "Switch off", Enable: "Switch on",
		New: "A new account", MakeAdmin: "May administer this server", Create: "Make the account",
		Blocks: "Blocked", BlocksText: "Nothing is taken from these addresses and domains, and nothing is sent to them.",
		Pattern: "Address or domain", Reason: "Reason, for you alone", Block: "Block", Unblock: "No longer block",
		Dead: "Work that was given up", DeadText: "It failed as often as it may and waits for you. Mend what the reason names, then have it tried again.",
		Revive: "Try again", ReviveAll: "Try all again", Tries: "%d tries",
	}
}

func germanAdmin() Admin {
	return Admin{
		Traffic:       "Verkehr",
		Stored:        "Gespeichert",
		In:            "Hereingekommen",
		Out:           "Hinausgegangen",
		Free:          "Frei",
		Most:          "höchstens %s an einem Tag",
		AsTable:       "Als Tabelle",
		Day:           "Tag",
		TrafficText:   "Teile, die bestätigt wurden, und Bytes von Dateien, die hinausgegangen sind, in den letzten dreißig Tagen (UTC). Was gespeichert ist, zeigt den Stand von vor einer Minute, und vom Übrigen kann ein Server, der abgewürgt wird, die letzte Minute verlieren.",
		Companies:     "Firmen",
		Settings:      "Einstellungen",
		Journal:       "Protokoll",
		CompanyOf:     "Firma (wenn es eine gibt)",
		Domain:        "Domain ihrer Adressen",
		DomainHint:    "Wer sich mit einer solchen Adresse anmeldet, gehört dazu.",
		Licences:      "Nutzer, die sie haben darf (0: wie ihr Tarif)",
		PaidUntil:     "Bezahlt bis (leer: nichts zu bezahlen)",
		Name:          "Name",
		NewCompany:    "Eine neue Firma",
		CreateCompany: "Firma anlegen",
		PlanOfNew:     "Tarif neuer Nutzer",
		PlanOfAdmin:   "der von dem, der sie hinzufügt",
		SettingsText:  "Womit dieser Server läuft. Fett ist, was jemand gewählt hat; der Rest ist, wie er kommt. Ändern Sie Einstellungen dort, wo sie stehen, und starten Sie den Server neu.",
		Setting:       "Einstellung",
		Value:         "Wert",
		From:          "Woher",
		JournalText:   "Was auf diesen Seiten verwaltet wurde, und von wem. Es wird aufgeschrieben, bevor es geschieht.",
		Refused:       "nicht geschehen:",
		Unknown:       "ob es geschah, ist nicht bekannt",
		Default:       "Vorgabe", Preset: "--compat", File: "Datei", Environment: "Umgebung", CommandLine: "Kommandozeile",
		UsersOf: func(n, most int) string { return of(n, most, "Nutzer", "Nutzer") },
		Title:   "Verwaltung", Users: "Konten", Admin: "verwaltet", Off: "abgeschaltet",
		Plan: "Tarif von", NoPlan: "kein Tarif", Set: "Setzen", Disable: "Abschalten", Enable: "Einschalten",
		New: "Ein neues Konto", MakeAdmin: "Darf diesen Server verwalten", Create: "Konto anlegen",
		Blocks: "Gesperrt", BlocksText: "Von diesen Adressen und Domains wird nichts angenommen, und an sie wird nichts gesendet.",
		Pattern: "Adresse oder Domain", Reason: "Grund, nur für Sie", Block: "Sperren", Unblock: "Nicht mehr sperren:",
		Dead: "Aufgegebene Arbeiten", DeadText: "Sie sind so oft gescheitert, wie sie dürfen, und warten auf Sie. Beheben Sie, was der Grund nennt, und lassen Sie es dann noch einmal versuchen.",
		Revive: "Noch einmal versuchen", ReviveAll: "Alle noch einmal versuchen", Tries: "%d Versuche",
	}
}

func dutchAdmin() Admin {
	return Admin{
		Traffic:       "Verkeer",
		Stored:        "Opgeslagen",
		In:            "Binnengekomen",
		Out:           "Uitgegaan",
		Free:          "Vrij",
		Most:          "hoogstens %s op een dag",
		AsTable:       "Als tabel",
		Day:           "Dag",
		TrafficText:   "Delen die zijn bevestigd, en bytes van bestanden die zijn uitgegaan, in de laatste dertig dagen (UTC). Wat is opgeslagen, is de stand van een minuut geleden, en van de rest kan een server die wordt afgebroken de laatste minuut verliezen.",
		Companies:     "Bedrijven",
		Settings:      "Instellingen",
		Journal:       "Logboek",
		CompanyOf:     "Bedrijf (als er een is)",
		Domain:        "Domein van zijn adressen",
		DomainHint:    "Wie zich met zo’n adres aanmeldt, hoort erbij.",
		Licences:      "Gebruikers die het mag hebben (0: zoals zijn abonnement)",
		PaidUntil:     "Betaald tot (leeg: niets te betalen)",
		Name:          "Naam",
		NewCompany:    "Een nieuw bedrijf",
		CreateCompany: "Bedrijf maken",
		PlanOfNew:     "Abonnement van nieuwe gebruikers",
		PlanOfAdmin:   "dat van wie ze toevoegt",
		SettingsText:  "Waarmee deze server draait. Vet is wat iemand koos; de rest is zoals het komt. Wijzig instellingen waar ze staan en start de server opnieuw.",
		Setting:       "Instelling",
		Value:         "Waarde",
		From:          "Vanwaar",
		JournalText:   "Wat op deze pagina’s werd beheerd, en door wie. Het wordt opgeschreven voordat het gebeurt.",
		Refused:       "niet gebeurd:",
		Unknown:       "of het gebeurde, is niet bekend",
		Default:       "standaard", Preset: "--compat", File: "bestand", Environment: "omgeving", CommandLine: "opdrachtregel",
		UsersOf: func(n, most int) string { return of(n, most, "gebruiker", "gebruikers") },
		Title:   "Beheer", Users: "Accounts", Admin: "beheert", Off: "uitgeschakeld",
		Plan: "Abonnement van", NoPlan: "geen abonnement", Set: "Instellen", Disable: "Uitschakelen", Enable: "Inschakelen",
		New: "Een nieuw account", MakeAdmin: "Mag deze server beheren", Create: "Account maken",
		Blocks: "Geblokkeerd", BlocksText: "Van deze adressen en domeinen wordt niets aangenomen, en er wordt niets naartoe gestuurd.",
		Pattern: "Adres of domein", Reason: "Reden, alleen voor u", Block: "Blokkeren", Unblock: "Niet meer blokkeren:",
		Dead: "Opgegeven werk", DeadText: "Het is zo vaak mislukt als het mag en wacht op u. Verhelp wat de reden noemt en laat het dan opnieuw proberen.",
		Revive: "Opnieuw proberen", ReviveAll: "Alles opnieuw proberen", Tries: "%d pogingen",
	}
}

func spanishAdmin() Admin {
	return Admin{
		Traffic:       "Tráfico",
		Stored:        "Almacenado",
		In:            "Entró",
		Out:           "Salió",
		Free:          "Libre",
		Most:          "como mucho %s en un día",
		AsTable:       "Como tabla",
		Day:           "Día",
		TrafficText:   "Partes confirmadas y bytes de archivos entregados en los últimos treinta días (UTC). Lo almacenado es de hace un minuto, y del resto un servidor que muere de golpe puede perder el último minuto.",
		Companies:     "Empresas",
		Settings:      "Ajustes",
		Journal:       "Registro",
		CompanyOf:     "Empresa (si la hay)",
		Domain:        "Dominio de sus direcciones",
		DomainHint:    "Quien se registra con una dirección así se une a ella.",
		Licences:      "Usuarios que puede tener (0: según su plan)",
		PaidUntil:     "Pagado hasta (vacío: nada que pagar)",
		Name:          "Nombre",
		NewCompany:    "Una empresa nueva",
		CreateCompany: "Crear la empresa",
		PlanOfNew:     "Plan de los usuarios nuevos",
		PlanOfAdmin:   "el de quien los añade",
		SettingsText:  "Con qué funciona este servidor. En negrita, lo que alguien eligió; lo demás está como viene. Cambie los ajustes donde están y reinicie el servidor.",
		Setting:       "Ajuste",
		Value:         "Valor",
		From:          "De dónde",
		JournalText:   "Lo que se administró en estas páginas, y quién lo hizo. Se anota antes de hacerse.",
		Refused:       "no se hizo:",
		Unknown:       "no se sabe si se hizo",
		Default:       "por defecto", Preset: "--compat", File: "archivo", Environment: "entorno", CommandLine: "línea de órdenes",
		UsersOf: func(n, most int) string { return of(n, most, "usuario", "usuarios") },
		Title:   "Administración", Users: "Cuentas", Admin: "administra", Off: "desactivada",
		Plan: "Plan de", NoPlan: "sin plan", Set: "Fijar", Disable: "Desactivar", Enable: "Activar",
		New: "Una cuenta nueva", MakeAdmin: "Puede administrar este servidor", Create: "Crear la cuenta",
		Blocks: "Bloqueados", BlocksText: "No se acepta nada de estas direcciones y dominios, y no se les envía nada.",
		Pattern: "Dirección o dominio", Reason: "Motivo, solo para usted", Block: "Bloquear", Unblock: "Dejar de bloquear",
		Dead: "Trabajos abandonados", DeadText: "Han fallado tantas veces como pueden y le esperan. Arregle lo que dice el motivo y haga que se intente de nuevo.",
		Revive: "Intentar de nuevo", ReviveAll: "Intentar todos de nuevo", Tries: "%d intentos",
	}
}

func norwegianAdmin() Admin {
	return Admin{
		Traffic:       "Trafikk",
		Stored:        "Lagret",
		In:            "Kom inn",
		Out:           "Gikk ut",
		Free:          "Ledig",
		Most:          "høyst %s på en dag",
		AsTable:       "Som tabell",
		Day:           "Dag",
		TrafficText:   "Deler som er bekreftet, og byte av filer som er gitt ut, de siste tretti dagene (UTC). Det som er lagret, er fra et minutt siden, og av resten kan en tjener som drepes, miste det siste minuttet.",
		Companies:     "Firmaer",
		Settings:      "Innstillinger",
		Journal:       "Logg",
		CompanyOf:     "Firma (om det er et)",
		Domain:        "Domenet til adressene",
		DomainHint:    "Den som registrerer seg med en slik adresse, hører til.",
		Licences:      "Brukere det kan ha (0: som planen sier)",
		PaidUntil:     "Betalt til (tomt: ingenting å betale)",
		Name:          "Navn",
		NewCompany:    "Et nytt firma",
		CreateCompany: "Lag firmaet",
		PlanOfNew:     "Plan for nye brukere",
		PlanOfAdmin:   "den til den som legger dem til",
		SettingsText:  "Det denne tjeneren kjører med. Uthevet er det noen har valgt; resten er som det kommer. Endre innstillinger der de står, og start tjeneren på nytt.",
		Setting:       "Innstilling",
		Value:         "Verdi",
		From:          "Hvorfra",
		JournalText:   "Det som er administrert på disse sidene, og av hvem. Det skrives ned før det gjøres.",
		Refused:       "ikke gjort:",
		Unknown:       "det er ikke kjent om det ble gjort",
		Default:       "standard", Preset: "--compat", File: "fil", Environment: "miljø", CommandLine: "kommandolinje",
		UsersOf: func(n, most int) string { return of(n, most, "bruker", "brukere") },
		Title:   "Administrasjon", Users: "Kontoer", Admin: "administrerer", Off: "slått av",
		Plan: "Plan for", NoPlan: "ingen plan", Set: "Sett", Disable: "Slå av", Enable: "Slå på",
		New: "En ny konto", MakeAdmin: "Kan administrere denne tjeneren", Create: "Lag kontoen",
		Blocks: "Sperret", BlocksText: "Ingenting tas imot fra disse adressene og domenene, og ingenting sendes til dem.",
		Pattern: "Adresse eller domene", Reason: "Grunn, bare for deg", Block: "Sperr", Unblock: "Ikke sperr lenger:",
		Dead: "Arbeid som er oppgitt", DeadText: "Det har mislyktes så ofte det får, og venter på deg. Rett det grunnen nevner, og la det så prøves igjen.",
		Revive: "Prøv igjen", ReviveAll: "Prøv alt igjen", Tries: "%d forsøk",
	}
}
