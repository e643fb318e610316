package words

// Sending is what the page says on which people send. Its script is given all of it as
// JSON; what stands in braces there is put in by the script.
type Sending struct {
	Title  string
	Lead   string
	Files  string // label of the choice of files
	Folder string
	Drop   string

	Subject   string
	Message   string
	To        string
	ToHint    string
	Options   string
	Days      string
	Forever   string
	Password  string
	Downloads string
	NoLimit   string
	LinkName  string
	NameHint  string
	Live      string
	Send      string

	Remove     string // {name}
	FileCount  string
	FilesCount string // {n}
	More       string // {n} files that are not listed
	Nothing    string

	Preparing string
	Crossing  string
	Paused    string
	Lost      string
	Across    string
	Progress  string // {got} {size}
	Left      string // {time}
	Pause     string
	GoOn      string
	GiveUp    string
	Failed    string // {why}

	Link    string
	Soon    string
	Already string // of a link that can be fetched while it comes in
	Ready   string
	Copy    string
	Copied  string
	Share   string
	Another string

	Unfinished string // {title} {count}
	Missing    string // {names}
	Changed    string // {name}
}

func englishSending() Sending {
	return Sending{
		Title: "Large files, safely across.", Lead: "Put files here and pass the link on. A crossing that is interrupted goes on where it was.",
		Files: "Choose files", Folder: "Choose a folder", Drop: "or drop files and folders anywhere on this page",
		Subject: "Title", Message: "Message", To: "To", ToHint: "E-mail addresses, with commas between them. Each gets a link of their own. Leave it empty to pass the link on yourself.",
		Options: "Password, time and limits", Days: "Can be fetched for", Forever: "ever", Password: "Password", Downloads: "How often it can be downloaded", NoLimit: "as often as one likes",
		LinkName: "A name of your own for the link", NameHint: "Small letters, digits and dashes.", Send: "Send",
		Remove: "Remove {name}", FileCount: "1 file", FilesCount: "{n} files", More: "and {n} more", Nothing: "Choose at least one file.",
		Preparing: "Preparing the crossing", Crossing: "On the way", Paused: "Paused", Lost: "No connection. It goes on by itself as soon as there is one.", Across: "Everything is across.",
		Progress: "{got} of {size} arrived", Left: "{time} left", Pause: "Pause", GoOn: "Go on", GiveUp: "Give up", Failed: "That did not work: {why}",
		Link: "Your link", Soon: "It works as soon as everything is across.", Already: "It works already: a download ends moments after the crossing.", Live: "People may begin to download while it is still on its way", Ready: "It works now. Pass it on.", Copy: "Copy", Copied: "Copied", Share: "Share", Another: "Send something else",
		Unfinished: "A crossing was interrupted: {title} ({count}). Choose the same files again, and it goes on where it was.",
		Missing:    "Still to be chosen: {names}", Changed: "{name} has changed since it was chosen. Give up this crossing and send it anew.",
	}
}

func germanSending() Sending {
	return Sending{
		Title: "Große Dateien, sicher hinüber.", Lead: "Legen Sie Dateien hierher und geben Sie den Link weiter. Eine unterbrochene Überfahrt geht dort weiter, wo sie war.",
		Files: "Dateien wählen", Folder: "Ordner wählen", Drop: "oder Dateien und Ordner irgendwo auf dieser Seite ablegen",
		Subject: "Titel", Message: "Nachricht", To: "An", ToHint: "E-Mail-Adressen, durch Kommas getrennt. Jede bekommt einen eigenen Link. Lassen Sie das Feld leer, um den Link selbst weiterzugeben.",
		Options: "Passwort, Dauer und Grenzen", Days: "Abrufbar für", Forever: "immer", Password: "Passwort", Downloads: "Wie oft heruntergeladen werden kann", NoLimit: "beliebig oft",
		LinkName: "Ein eigener Name für den Link", NameHint: "Kleinbuchstaben, Ziffern und Bindestriche.", Send: "Senden",
		Remove: "{name} entfernen", FileCount: "1 Datei", FilesCount: "{n} Dateien", More: "und {n} weitere", Nothing: "Wählen Sie mindestens eine Datei.",
		Preparing: "Die Überfahrt wird vorbereitet", Crossing: "Unterwegs", Paused: "Angehalten", Lost: "Keine Verbindung. Es geht von selbst weiter, sobald es eine gibt.", Across: "Alles ist drüben.",
		Progress: "{got} von {size} angekommen", Left: "noch {time}", Pause: "Anhalten", GoOn: "Weiter", GiveUp: "Aufgeben", Failed: "Das ging nicht: {why}",
		Link: "Ihr Link", Soon: "Er gilt, sobald alles drüben ist.", Already: "Er gilt schon: Ein Download endet kurz nach der Überfahrt.", Live: "Man darf schon herunterladen, während es noch unterwegs ist", Ready: "Er gilt jetzt. Geben Sie ihn weiter.", Copy: "Kopieren", Copied: "Kopiert", Share: "Teilen", Another: "Noch etwas senden",
		Unfinished: "Eine Überfahrt wurde unterbrochen: {title} ({count}). Wählen Sie dieselben Dateien noch einmal, dann geht sie dort weiter, wo sie war.",
		Missing:    "Noch zu wählen: {names}", Changed: "{name} hat sich geändert, seit sie gewählt wurde. Geben Sie diese Überfahrt auf und senden Sie neu.",
	}
}

func dutchSending() Sending {
	return Sending{
		Title: "Grote bestanden, veilig naar de overkant.", Lead: "Leg bestanden hier neer en geef de link door. Een onderbroken overtocht gaat verder waar hij was.",
		Files: "Bestanden kiezen", Folder: "Map kiezen", Drop: "of sleep bestanden en mappen ergens op deze pagina",
		Subject: "Titel", Message: "Bericht", To: "Aan", ToHint: "E-mailadressen met komma’s ertussen. Ieder krijgt een eigen link. Laat het leeg om de link zelf door te geven.",
		Options: "Wachtwoord, duur en grenzen", Days: "Op te halen gedurende", Forever: "altijd", Password: "Wachtwoord", Downloads: "Hoe vaak het gedownload kan worden", NoLimit: "zo vaak men wil",
		LinkName: "Een eigen naam voor de link", NameHint: "Kleine letters, cijfers en streepjes.", Send: "Versturen",
		Remove: "{name} weghalen", FileCount: "1 bestand", FilesCount: "{n} bestanden", More: "en nog {n}", Nothing: "Kies minstens één bestand.",
		Preparing: "De overtocht wordt voorbereid", Crossing: "Onderweg", Paused: "Gepauzeerd", Lost: "Geen verbinding. Het gaat vanzelf verder zodra die er is.", Across: "Alles is aan de overkant.",
		Progress: "{got} van {size} aangekomen", Left: "nog {time}", Pause: "Pauzeren", GoOn: "Verder", GiveUp: "Opgeven", Failed: "Dat lukte niet: {why}",
		Link: "Uw link", Soon: "Hij werkt zodra alles aan de overkant is.", Already: "Hij werkt al: een download eindigt kort na de overtocht.", Live: "Men mag al downloaden terwijl het nog onderweg is", Ready: "Hij werkt nu. Geef hem door.", Copy: "Kopiëren", Copied: "Gekopieerd", Share: "Delen", Another: "Nog iets versturen",
		Unfinished: "Een overtocht werd onderbroken: {title} ({count}). Kies dezelfde bestanden opnieuw, dan gaat hij verder waar hij was.",
		Missing:    "Nog te kiezen: {names}", Changed: "{name} is gewijzigd sinds het gekozen werd. Geef deze overtocht op en verstuur opnieuw.",
	}
}

func spanishSending() Sending {
	return Sending{
		Title: "Archivos grandes, a salvo en la otra orilla.", Lead: "Deje aquí sus archivos y pase el enlace. Una travesía interrumpida sigue donde estaba.",
		Files: "Elegir archivos", Folder: "Elegir una carpeta", Drop: "o suelte archivos y carpetas en cualquier lugar de esta página",
		Subject: "Título", Message: "Mensaje", To: "Para", ToHint: "Direcciones de correo separadas por comas. Cada una recibe su propio enlace. Déjelo vacío para pasar el enlace usted mismo.",
		Options: "Contraseña, tiempo y límites", Days: "Se puede descargar durante", Forever: "siempre", Password: "Contraseña", Downloads: "Cuántas veces se puede descargar", NoLimit: "cuantas se quiera",
		LinkName: "Un nombre propio para el enlace", NameHint: "Minúsculas, cifras y guiones.", Send: "Enviar",
		Remove: "Quitar {name}", FileCount: "1 archivo", FilesCount: "{n} archivos", More: "y {n} más", Nothing: "Elija al menos un archivo.",
		Preparing: "Preparando la travesía", Crossing: "En camino", Paused: "En pausa", Lost: "Sin conexión. Seguirá solo en cuanto la haya.", Across: "Todo ha llegado.",
		Progress: "{got} de {size} han llegado", Left: "quedan {time}", Pause: "Pausar", GoOn: "Seguir", GiveUp: "Abandonar", Failed: "No ha sido posible: {why}",
		Link: "Su enlace", Soon: "Funcionará en cuanto todo haya llegado.", Already: "Ya funciona: una descarga termina poco después de la travesía.", Live: "Se puede empezar a descargar mientras aún está en camino", Ready: "Ya funciona. Páselo.", Copy: "Copiar", Copied: "Copiado", Share: "Compartir", Another: "Enviar otra cosa",
		Unfinished: "Se interrumpió una travesía: {title} ({count}). Elija otra vez los mismos archivos y seguirá donde estaba.",
		Missing:    "Faltan por elegir: {names}", Changed: "{name} ha cambiado desde que se eligió. Abandone esta travesía y envíelo de nuevo.",
	}
}

func norwegianSending() Sending {
	return Sending{
		Title: "Store filer, trygt over.", Lead: "Legg filer her og gi lenken videre. En avbrutt overfart fortsetter der den var.",
		Files: "Velg filer", Folder: "Velg en mappe", Drop: "eller slipp filer og mapper hvor som helst på siden",
		Subject: "Tittel", Message: "Melding", To: "Til", ToHint: "E-postadresser med komma mellom. Hver får sin egen lenke. La det stå tomt for å gi lenken videre selv.",
		Options: "Passord, tid og grenser", Days: "Kan hentes i", Forever: "all tid", Password: "Passord", Downloads: "Hvor ofte det kan lastes ned", NoLimit: "så ofte man vil",
		LinkName: "Et eget navn på lenken", NameHint: "Små bokstaver, sifre og bindestreker.", Send: "Send",
		Remove: "Fjern {name}", FileCount: "1 fil", FilesCount: "{n} filer", More: "og {n} til", Nothing: "Velg minst én fil.",
		Preparing: "Overfarten forberedes", Crossing: "Underveis", Paused: "Satt på pause", Lost: "Ingen forbindelse. Det fortsetter av seg selv når den er tilbake.", Across: "Alt er over.",
		Progress: "{got} av {size} er framme", Left: "{time} igjen", Pause: "Pause", GoOn: "Fortsett", GiveUp: "Gi opp", Failed: "Det gikk ikke: {why}",
		Link: "Din lenke", Soon: "Den virker så snart alt er over.", Already: "Den virker allerede: en nedlasting slutter like etter overfarten.", Live: "Andre kan begynne å laste ned mens det fortsatt er underveis", Ready: "Den virker nå. Gi den videre.", Copy: "Kopier", Copied: "Kopiert", Share: "Del", Another: "Send noe annet",
		Unfinished: "En overfart ble avbrutt: {title} ({count}). Velg de samme filene igjen, så fortsetter den der den var.",
		Missing:    "Gjenstår å velge: {names}", Changed: "{name} er endret siden den ble valgt. Gi opp denne overfarten og send på nytt.",
	}
}
