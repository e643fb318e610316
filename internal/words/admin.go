package words

// Admin is what the page says on which an installation is administered.
type Admin struct {
	Title, Users, Admin, Off            string
	Plan, NoPlan, Set, Disable, Enable  string
	New, MakeAdmin, Create              string
	Blocks, BlocksText, Pattern, Reason string
	Block, Unblock                      string
}

func englishAdmin() Admin {
	return Admin{
		Title: "Administration", Users: "Accounts", Admin: "administers", Off: "switched off",
		Plan: "Plan of", NoPlan: "no plan", Set: "Set", Disable: "Switch off", Enable: "Switch on",
		New: "A new account", MakeAdmin: "May administer this server", Create: "Make the account",
		Blocks: "Blocked", BlocksText: "Nothing is taken from these addresses and domains, and nothing is sent to them.",
		Pattern: "Address or domain", Reason: "Reason, for you alone", Block: "Block", Unblock: "No longer block",
	}
}

func germanAdmin() Admin {
	return Admin{
		Title: "Verwaltung", Users: "Konten", Admin: "verwaltet", Off: "abgeschaltet",
		Plan: "Tarif von", NoPlan: "kein Tarif", Set: "Setzen", Disable: "Abschalten", Enable: "Einschalten",
		New: "Ein neues Konto", MakeAdmin: "Darf diesen Server verwalten", Create: "Konto anlegen",
		Blocks: "Gesperrt", BlocksText: "Von diesen Adressen und Domains wird nichts angenommen, und an sie wird nichts gesendet.",
		Pattern: "Adresse oder Domain", Reason: "Grund, nur für Sie", Block: "Sperren", Unblock: "Nicht mehr sperren:",
	}
}

func dutchAdmin() Admin {
	return Admin{
		Title: "Beheer", Users: "Accounts", Admin: "beheert", Off: "uitgeschakeld",
		Plan: "Abonnement van", NoPlan: "geen abonnement", Set: "Instellen", Disable: "Uitschakelen", Enable: "Inschakelen",
		New: "Een nieuw account", MakeAdmin: "Mag deze server beheren", Create: "Account maken",
		Blocks: "Geblokkeerd", BlocksText: "Van deze adressen en domeinen wordt niets aangenomen, en er wordt niets naartoe gestuurd.",
		Pattern: "Adres of domein", Reason: "Reden, alleen voor u", Block: "Blokkeren", Unblock: "Niet meer blokkeren:",
	}
}

func spanishAdmin() Admin {
	return Admin{
		Title: "Administración", Users: "Cuentas", Admin: "administra", Off: "desactivada",
		Plan: "Plan de", NoPlan: "sin plan", Set: "Fijar", Disable: "Desactivar", Enable: "Activar",
		New: "Una cuenta nueva", MakeAdmin: "Puede administrar este servidor", Create: "Crear la cuenta",
		Blocks: "Bloqueados", BlocksText: "No se acepta nada de estas direcciones y dominios, y no se les envía nada.",
		Pattern: "Dirección o dominio", Reason: "Motivo, solo para usted", Block: "Bloquear", Unblock: "Dejar de bloquear",
	}
}

func norwegianAdmin() Admin {
	return Admin{
		Title: "Administrasjon", Users: "Kontoer", Admin: "administrerer", Off: "slått av",
		Plan: "Plan for", NoPlan: "ingen plan", Set: "Sett", Disable: "Slå av", Enable: "Slå på",
		New: "En ny konto", MakeAdmin: "Kan administrere denne tjeneren", Create: "Lag kontoen",
		Blocks: "Sperret", BlocksText: "Ingenting tas imot fra disse adressene og domenene, og ingenting sendes til dem.",
		Pattern: "Adresse eller domene", Reason: "Grunn, bare for deg", Block: "Sperr", Unblock: "Ikke sperr lenger:",
	}
}
