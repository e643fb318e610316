package words

// Contacts is what the page of an address book says.
type Contacts struct {
	Title, Name, Change, Delete, New, Add string
	Members                               func(n int) string // of a group
}

func englishContacts() Contacts {
	return Contacts{
		Title: "Contacts", Name: "Name (if you like)", Change: "Change", Delete: "Remove", New: "A new contact", Add: "Add",
		Members: func(n int) string { return count(n, "member", "members") },
	}
}

func germanContacts() Contacts {
	return Contacts{
		Title: "Kontakte", Name: "Name (wenn Sie mögen)", Change: "Ändern", Delete: "Entfernen", New: "Ein neuer Kontakt", Add: "Hinzufügen",
		Members: func(n int) string { return count(n, "Mitglied", "Mitglieder") },
	}
}

func dutchContacts() Contacts {
	return Contacts{
		Title: "Contacten", Name: "Naam (als u wilt)", Change: "Wijzigen", Delete: "Verwijderen", New: "Een nieuw contact", Add: "Toevoegen",
		Members: func(n int) string { return count(n, "lid", "leden") },
	}
}

func spanishContacts() Contacts {
	return Contacts{
		Title: "Contactos", Name: "Nombre (si quiere)", Change: "Cambiar", Delete: "Quitar", New: "Un contacto nuevo", Add: "Añadir",
		Members: func(n int) string { return count(n, "miembro", "miembros") },
	}
}

func norwegianContacts() Contacts {
	return Contacts{
		Title: "Kontakter", Name: "Navn (om du vil)", Change: "Endre", Delete: "Fjern", New: "En ny kontakt", Add: "Legg til",
		Members: func(n int) string { return count(n, "medlem", "medlemmer") },
	}
}
