package words

import (
	"strconv"
	"strings"
)

// Mine is what the pages say on which somebody sees what they have sent.
type Mine struct {
	Title, Search, Find, Ended, None, More       string
	States                                       map[string]string // by the code of what ended it; "open" while it is on its way
	Downloads                                    func(n int) string
	DownloadsOf                                  func(n, most int) string
	Link, Recipients, Undelivered                string
	Running                                      string // heading of the downloads that go on
	Delivered, NotYet, Everything, Some, Anybody string
	When, What, Who, Arrived                     string
	Extend, ExtendButton                         string
	SendAgain, SendButton                        string
	Locked, Password, PasswordButton             string
	Delete, DeleteHint, Recover                  string
}

// Account is what the page of somebody's own account says.
type Account struct {
	Title, Storage                               string
	UsedOf                                       func(used, quota string) string
	Password, Old, New, Change, PasswordChanged  string
	Keys, KeysText, KeyName, Scopes, Make, Until string
	ScopeAll, ScopeSend, ScopeRead               string
	Once, Delete                                 string // Delete: {name}
	Sessions, Everywhere                         string
	Session                                      Sessions
}

// TitleOf gives a transfer's title as it is shown; that of files for somebody where it
// shows nothing.
func (p *Pages) TitleOf(title string) string {
	if title = strings.TrimSpace(Shown(title)); title == "" {
		return p.FilesForYou
	}
	return title
}

// NameOf gives a file's name as it is shown.
func (p *Pages) NameOf(name string) string {
	if name = strings.TrimSpace(Shown(name)); name == "" {
		return p.Nameless
	}
	return name
}

// For puts a name into a text.
func For(text, name string) string { return strings.ReplaceAll(text, "{name}", name) }

func englishMine() Mine {
	return Mine{
		Running: "Being downloaded",
		Title:   "My transfers", Search: "Search", Find: "Find", Ended: "also what is over", None: "There is nothing here.", More: "More",
		States:    map[string]string{"open": "on its way", "transfer_expired": "expired", "transfer_deleted": "taken down", "transfer_cancelled": "given up", "transfer_blocked": "blocked"},
		Downloads: func(n int) string { return count(n, "download", "downloads") }, DownloadsOf: func(n, most int) string { return count(n, "download", "downloads") + " / " + strconv.Itoa(most) },
		Link: "Link", Recipients: "Recipients", Undelivered: "the letter did not arrive", Delivered: "Who received what", NotYet: "Nothing was downloaded whole yet.",
		Everything: "everything, as a zip", Some: "some files, as a zip", Anybody: "by the common link", When: "When", What: "What", Who: "Who", Arrived: "arrived",
		Extend: "Keep it from now for", ExtendButton: "Extend", SendAgain: "Send it to more people", SendButton: "Send",
		Locked: "A password is needed.", Password: "New password (empty: none)", PasswordButton: "Change",
		Delete: "Take it down", DeleteHint: "Nobody can download it from then on.", Recover: "Bring it back",
	}
}

func germanMine() Mine {
	return Mine{
		Running: "Wird gerade heruntergeladen",
		Title:   "Meine Sendungen", Search: "Suche", Find: "Suchen", Ended: "auch, was vorbei ist", None: "Hier ist nichts.", More: "Mehr",
		States:    map[string]string{"open": "unterwegs", "transfer_expired": "abgelaufen", "transfer_deleted": "entfernt", "transfer_cancelled": "aufgegeben", "transfer_blocked": "gesperrt"},
		Downloads: func(n int) string { return count(n, "Download", "Downloads") }, DownloadsOf: func(n, most int) string { return count(n, "Download", "Downloads") + " / " + strconv.Itoa(most) },
		Link: "Link", Recipients: "Empfänger", Undelivered: "der Brief kam nicht an", Delivered: "Wer was erhalten hat", NotYet: "Noch wurde nichts ganz heruntergeladen.",
		Everything: "alles, als Zip", Some: "einige Dateien, als Zip", Anybody: "über den gemeinsamen Link", When: "Wann", What: "Was", Who: "Wer", Arrived: "angekommen",
		Extend: "Von jetzt an behalten für", ExtendButton: "Verlängern", SendAgain: "An weitere Personen senden", SendButton: "Senden",
		Locked: "Ein Passwort ist nötig.", Password: "Neues Passwort (leer: keines)", PasswordButton: "Ändern",
		Delete: "Entfernen", DeleteHint: "Danach kann niemand sie mehr herunterladen.", Recover: "Zurückholen",
	}
}

func dutchMine() Mine {
	return Mine{
		Running: "Wordt nu gedownload",
		Title:   "Mijn zendingen", Search: "Zoeken", Find: "Zoek", Ended: "ook wat voorbij is", None: "Hier is niets.", More: "Meer",
		States:    map[string]string{"open": "onderweg", "transfer_expired": "verlopen", "transfer_deleted": "weggehaald", "transfer_cancelled": "opgegeven", "transfer_blocked": "geblokkeerd"},
		Downloads: func(n int) string { return count(n, "download", "downloads") }, DownloadsOf: func(n, most int) string { return count(n, "download", "downloads") + " / " + strconv.Itoa(most) },
		Link: "Link", Recipients: "Ontvangers", Undelivered: "de brief kwam niet aan", Delivered: "Wie wat heeft ontvangen", NotYet: "Er is nog niets helemaal gedownload.",
		Everything: "alles, als zip", Some: "enkele bestanden, als zip", Anybody: "via de gemeenschappelijke link", When: "Wanneer", What: "Wat", Who: "Wie", Arrived: "aangekomen",
		Extend: "Vanaf nu bewaren gedurende", ExtendButton: "Verlengen", SendAgain: "Naar meer mensen sturen", SendButton: "Versturen",
		Locked: "Er is een wachtwoord nodig.", Password: "Nieuw wachtwoord (leeg: geen)", PasswordButton: "Wijzigen",
		Delete: "Weghalen", DeleteHint: "Daarna kan niemand het meer downloaden.", Recover: "Terughalen",
	}
}

func spanishMine() Mine {
	return Mine{
		Running: "Descargándose ahora",
		Title:   "Mis envíos", Search: "Búsqueda", Find: "Buscar", Ended: "también lo terminado", None: "Aquí no hay nada.", More: "Más",
		States:    map[string]string{"open": "en camino", "transfer_expired": "caducado", "transfer_deleted": "retirado", "transfer_cancelled": "abandonado", "transfer_blocked": "bloqueado"},
		Downloads: func(n int) string { return count(n, "descarga", "descargas") }, DownloadsOf: func(n, most int) string { return count(n, "descarga", "descargas") + " / " + strconv.Itoa(most) },
		Link: "Enlace", Recipients: "Destinatarios", Undelivered: "la carta no llegó", Delivered: "Quién recibió qué", NotYet: "Aún no se ha descargado nada por completo.",
		Everything: "todo, en un zip", Some: "algunos archivos, en un zip", Anybody: "por el enlace común", When: "Cuándo", What: "Qué", Who: "Quién", Arrived: "han llegado",
		Extend: "Guardarlo desde ahora durante", ExtendButton: "Prolongar", SendAgain: "Enviarlo a más personas", SendButton: "Enviar",
		Locked: "Hace falta una contraseña.", Password: "Nueva contraseña (vacío: ninguna)", PasswordButton: "Cambiar",
		Delete: "Retirarlo", DeleteHint: "Desde entonces nadie podrá descargarlo.", Recover: "Recuperarlo",
	}
}

func norwegianMine() Mine {
	return Mine{
		Running: "Lastes ned nå",
		Title:   "Mine sendinger", Search: "Søk", Find: "Finn", Ended: "også det som er over", None: "Her er det ingenting.", More: "Mer",
		States:    map[string]string{"open": "underveis", "transfer_expired": "utløpt", "transfer_deleted": "tatt ned", "transfer_cancelled": "gitt opp", "transfer_blocked": "sperret"},
		Downloads: func(n int) string { return count(n, "nedlasting", "nedlastinger") }, DownloadsOf: func(n, most int) string { return count(n, "nedlasting", "nedlastinger") + " / " + strconv.Itoa(most) },
		Link: "Lenke", Recipients: "Mottakere", Undelivered: "brevet kom ikke fram", Delivered: "Hvem som fikk hva", NotYet: "Ingenting er lastet ned helt ennå.",
		Everything: "alt, som zip", Some: "noen filer, som zip", Anybody: "med den felles lenken", When: "Når", What: "Hva", Who: "Hvem", Arrived: "er framme",
		Extend: "Behold den fra nå i", ExtendButton: "Forleng", SendAgain: "Send den til flere", SendButton: "Send",
		Locked: "Det trengs et passord.", Password: "Nytt passord (tomt: intet)", PasswordButton: "Endre",
		Delete: "Ta den ned", DeleteHint: "Etterpå kan ingen laste den ned.", Recover: "Hent den tilbake",
	}
}

func used(between string) func(a, b string) string {
	return func(a, b string) string { return a + between + b }
}

func englishAccount() Account {
	return Account{
		Title: "My account", Storage: "In use", UsedOf: used(" of "), Password: "Password", Old: "Present password", New: "New password", Change: "Change the password",
		PasswordChanged: "The password is changed. Other browsers are signed out, and your API keys have ended.",
		Keys:            "API keys", KeysText: "Programs send and receive with them, in your name.", KeyName: "Name", Scopes: "What it may do", Make: "Make a key", Until: "until",
		ScopeAll: "everything", ScopeSend: "send and look", ScopeRead: "look only", Once: "It is shown this once. Keep it somewhere safe.", Delete: "Delete {name}",
		Sessions: "Browsers", Everywhere: "Sign out everywhere", Session: englishSessions(),
	}
}

func germanAccount() Account {
	return Account{
		Title: "Mein Konto", Storage: "Belegt", UsedOf: used(" von "), Password: "Passwort", Old: "Jetziges Passwort", New: "Neues Passwort", Change: "Passwort ändern",
		PasswordChanged: "Das Passwort ist geändert. Andere Browser sind abgemeldet, und Ihre API-Schlüssel gelten nicht mehr.",
		Keys:            "API-Schlüssel", KeysText: "Programme senden und empfangen mit ihnen in Ihrem Namen.", KeyName: "Name", Scopes: "Was er darf", Make: "Schlüssel anlegen", Until: "bis",
		ScopeAll: "alles", ScopeSend: "senden und ansehen", ScopeRead: "nur ansehen", Once: "Er wird nur dieses eine Mal gezeigt. Bewahren Sie ihn sicher auf.", Delete: "{name} löschen",
		Sessions: "Browser", Everywhere: "Überall abmelden", Session: germanSessions(),
	}
}

func dutchAccount() Account {
	return Account{
		Title: "Mijn account", Storage: "In gebruik", UsedOf: used(" van "), Password: "Wachtwoord", Old: "Huidig wachtwoord", New: "Nieuw wachtwoord", Change: "Wachtwoord wijzigen",
		PasswordChanged: "Het wachtwoord is gewijzigd. Andere browsers zijn uitgelogd en uw API-sleutels gelden niet meer.",
		Keys:            "API-sleutels", KeysText: "Programma’s versturen en ontvangen ermee in uw naam.", KeyName: "Naam", Scopes: "Wat hij mag", Make: "Sleutel maken", Until: "tot",
		ScopeAll: "alles", ScopeSend: "versturen en kijken", ScopeRead: "alleen kijken", Once: "Hij wordt alleen deze keer getoond. Bewaar hem veilig.", Delete: "{name} wissen",
		Sessions: "Browsers", Everywhere: "Overal uitloggen", Session: dutchSessions(),
	}
}

func spanishAccount() Account {
	return Account{
		Title: "Mi cuenta", Storage: "En uso", UsedOf: used(" de "), Password: "Contraseña", Old: "Contraseña actual", New: "Contraseña nueva", Change: "Cambiar la contraseña",
		PasswordChanged: "La contraseña ha cambiado. Se ha cerrado la sesión en otros navegadores y sus claves de API ya no valen.",
		Keys:            "Claves de API", KeysText: "Con ellas los programas envían y reciben en su nombre.", KeyName: "Nombre", Scopes: "Qué puede hacer", Make: "Crear una clave", Until: "hasta",
		ScopeAll: "todo", ScopeSend: "enviar y mirar", ScopeRead: "solo mirar", Once: "Se muestra solo esta vez. Guárdela en lugar seguro.", Delete: "Borrar {name}",
		Sessions: "Navegadores", Everywhere: "Cerrar sesión en todas partes", Session: spanishSessions(),
	}
}

func norwegianAccount() Account {
	return Account{
		Title: "Min konto", Storage: "I bruk", UsedOf: used(" av "), Password: "Passord", Old: "Nåværende passord", New: "Nytt passord", Change: "Endre passordet",
		PasswordChanged: "Passordet er endret. Andre nettlesere er logget ut, og API-nøklene dine gjelder ikke lenger.",
		Keys:            "API-nøkler", KeysText: "Programmer sender og mottar med dem i ditt navn.", KeyName: "Navn", Scopes: "Hva den kan", Make: "Lag en nøkkel", Until: "til",
		ScopeAll: "alt", ScopeSend: "sende og se", ScopeRead: "bare se", Once: "Den vises bare denne ene gangen. Ta godt vare på den.", Delete: "Slett {name}",
		Sessions: "Nettlesere", Everywhere: "Logg ut overalt", Session: norwegianSessions(),
	}
}
