package words

// Admin is what the page says on which an installation is administered.
type Admin struct {
	Title, Users, Admin, Off            string
	Plan, NoPlan, Set, Disable, Enable  string
	New, MakeAdmin, Create              string
	Blocks, BlocksText, Pattern, Reason string
	Block, Unblock                      string
	Dead, DeadText, Revive, Tries       string // Tries: with %d
}

func englishAdmin() Admin {
	return Admin{
		Title: "Administration", Users: "Accounts", Admin: "administers", Off: "switched off",
		Plan: "Plan of", NoPlan: "no plan", Set: "Set", Disable: "Switch off", Enable: "Switch on",
		New: "A new account", MakeAdmin: "May administer this server", Create: "Make the account",
		Blocks: "Blocked", BlocksText: "Nothing is taken from these addresses and domains, and nothing is sent to them.",
		Pattern: "Address or domain", Reason: "Reason, for you alone", Block: "Block", Unblock: "No longer block",
		Dead: "Work that was given up", DeadText: "It failed as often as it may and waits for you. Mend what the reason names, then have it tried again.",
		Revive: "Try again", Tries: "%d tries",
	}
}

func germanAdmin() Admin {
	return Admin{
		Title: "Verwaltung", Users: "Konten", Admin: "verwaltet", Off: "abgeschaltet",
		Plan: "Tarif von", NoPlan: "kein Tarif", Set: "Setzen", Disable: "Abschalten", Enable: "Einschalten",
		New: "Ein neues Konto", MakeAdmin: "Darf diesen Server verwalten", Create: "Konto anlegen",
		Blocks: "Gesperrt", BlocksText: "Von diesen Adressen und Domains wird nichts angenommen, und an sie wird nichts gesendet.",
		Pattern: "Adresse oder Domain", Reason: "Grund, nur für Sie", Block: "Sperren", Unblock: "Nicht mehr sperren:",
		Dead: "Aufgegebene Arbeiten", DeadText: "Sie sind so oft gescheitert, wie sie dürfen, und warten auf Sie. Beheben Sie, was der Grund nennt, und lassen Sie es dann noch einmal versuchen.",
		Revive: "Noch einmal versuchen", Tries: "%d Versuche",
	}
}

func dutchAdmin() Admin {
	return Admin{
		Title: "Beheer", Users: "Accounts", Admin: "beheert", Off: "uitgeschakeld",
		Plan: "Abonnement van", NoPlan: "geen abonnement", Set: "Instellen", Disable: "Uitschakelen", Enable: "Inschakelen",
		New: "Een nieuw account", MakeAdmin: "Mag deze server beheren", Create: "Account maken",
		Blocks: "Geblokkeerd", BlocksText: "Van deze adressen en domeinen wordt niets aangenomen, en er wordt niets naartoe gestuurd.",
		Pattern: "Adres of domein", Reason: "Reden, alleen voor u", Block: "Blokkeren", Unblock: "Niet meer blokkeren:",
		Dead: "Opgegeven werk", DeadText: "Het is zo vaak mislukt als het mag en wacht op u. Verhelp wat de reden noemt en laat het dan opnieuw proberen.",
		Revive: "Opnieuw proberen", Tries: "%d pogingen",
	}
}

func spanishAdmin() Admin {
	return Admin{
		Title: "Administración", Users: "Cuentas", Admin: "administra", Off: "desactivada",
		Plan: "Plan de", NoPlan: "sin plan", Set: "Fijar", Disable: "Desactivar", Enable: "Activar",
		New: "Una cuenta nueva", MakeAdmin: "Puede administrar este servidor", Create: "Crear la cuenta",
		Blocks: "Bloqueados", BlocksText: "No se acepta nada de estas direcciones y dominios, y no se les envía nada.",
		Pattern: "Dirección o dominio", Reason: "Motivo, solo para usted", Block: "Bloquear", Unblock: "Dejar de bloquear",
		Dead: "Trabajos abandonados", DeadText: "Han fallado tantas veces como pueden y le esperan. Arregle lo que dice el motivo y haga que se intente de nuevo.",
		Revive: "Intentar de nuevo", Tries: "%d intentos",
	}
}

func norwegianAdmin() Admin {
	return Admin{
		Title: "Administrasjon", Users: "Kontoer", Admin: "administrerer", Off: "slått av",
		Plan: "Plan for", NoPlan: "ingen plan", Set: "Sett", Disable: "Slå av", Enable: "Slå på",
		New: "En ny konto", MakeAdmin: "Kan administrere denne tjeneren", Create: "Lag kontoen",
		Blocks: "Sperret", BlocksText: "Ingenting tas imot fra disse adressene og domenene, og ingenting sendes til dem.",
		Pattern: "Adresse eller domene", Reason: "Grunn, bare for deg", Block: "Sperr", Unblock: "Ikke sperr lenger:",
		Dead: "Arbeid som er oppgitt", DeadText: "Det har mislyktes så ofte det får, og venter på deg. Rett det grunnen nevner, og la det så prøves igjen.",
		Revive: "Prøv igjen", Tries: "%d forsøk",
	}
}
