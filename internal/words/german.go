package words

import (
	"strconv"

	"github.com/ferry-server/ferry/internal/fault"
)

var germanMoment = moments("%[1]d. %[2]s %[3]d, %[4]s UTC",
	"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember")

func germanPages() *Pages {
	docs := englishDocs()
	docs.Link = "Was er spricht, und was seine Fehler bedeuten (englisch)"
	return &Pages{
		Lang: "de", Dir: "ltr", Language: "Sprache", Size: sizes(",", "Byte", "Bytes"),

		FilesForYou:    "Dateien für Sie",
		DownloadAll:    "Alles herunterladen",
		DownloadOne:    "Herunterladen",
		View:           "Ansehen:",
		AsZip:          "ein Zip",
		PageOf:         "Seite %d von %d",
		NotShown:       "Dieses Dokument lässt sich hier nicht zeigen. Vielleicht ist es mit einem Passwort verschlossen oder beschädigt.",
		Choose:         "Auswählen:",
		DownloadChosen: "Ausgewähltes als Zip herunterladen",
		AllFiles:       "Dateien",
		Links:          "Links",
		Nothing:        "Hier ist noch nichts angekommen. Schauen Sie später wieder vorbei.",
		Until:          "bis",
		Arriving:       "Noch unterwegs: Ein Download beginnt jetzt und endet mit dem Hochladen.",
		PrivateLink:    "Wer diesen Link hat, kann diese Dateien herunterladen. Geben Sie ihn mit Bedacht weiter.",
		Nameless:       "Datei",
		FilesCount:     func(n int) string { return count(n, "Datei", "Dateien") },
		LinksCount:     func(n int) string { return count(n, "Link", "Links") },
		TimeLeft:       lasting("noch %s", "noch weniger als eine Minute", "Tag", "Tage", "Stunde", "Stunden", "Minute", "Minuten"),
		Moment:         germanMoment,
		SkipToMain:     "Zum Inhalt",
		HomeOf:         func(name string) string { return name + ", Startseite" },
		WhatIsThis:     "bringt große Dateien von Mensch zu Mensch, auf einem eigenen Server.",
		BoardKeeping:   "Jeder Besuch erhält dieses Board länger.",
		From:           "Von",
		Forever:        "ohne Ende",
		OwnLink:        "Dieser Link gehört Ihnen: Wer ihn hat, kann die Dateien herunterladen, und es zählt als Ihr Download.",

		UnlockTitle:  "Bitte das Passwort",
		UnlockText:   "Wer diese Dateien geschickt hat, hat sie geschützt. Wenn Sie das Passwort nicht kennen, fragen Sie den Absender.",
		UnlockButton: "Öffnen",

		HomeTitle:      "Große Dateien, sicher hinüber.",
		HomeText:       "Dieser Server bringt Dateien von einem Menschen zum anderen, vollständig und zügig. Ist die Zeit eines Links vorbei, wird entfernt, was dahinter lag.",
		RecipientTitle: "Haben Sie einen Link bekommen?",
		RecipientText:  "Öffnen Sie ihn in irgendeinem Browser. Sie brauchen kein Konto und kein Programm, und ein abgebrochener Download geht dort weiter, wo er aufgehört hat.",
		SenderTitle:    "Senden Sie aus einem Skript?",
		SenderText:     "Programme für die öffentliche API von WeTransfer laufen hier. Ändern Sie ihre Adresse in diese:",
		SenderAfter:    "und prüfen Sie, ob Ihr Schlüssel angenommen wird:",
		KeyTitle:       "Woher man einen Schlüssel bekommt",
		KeyText:        "Fragen Sie, wer diesen Server betreibt. Er wird mit einem einzigen Befehl gemacht:",

		Docs: docs,

		SetupTitle:   "Willkommen an Bord",
		SetupText:    "Dieser Server ist neu. Legen Sie das Konto an, das ihn führt; diese Seite gilt einmal.",
		Email:        "E-Mail-Adresse",
		Password:     "Passwort",
		PasswordHint: "Mindestens 8 Zeichen. Länger ist besser.",
		SetupButton:  "Konto anlegen",
		ReadyTitle:   "Alles bereit",
		ReadyText:    "Ihr Konto ist angelegt. Hier ist Ihr erster API-Schlüssel; damit senden Programme Dateien.",
		YourKey:      "Ihr API-Schlüssel",
		KeyOnce:      "Er wird nur dieses eine Mal gezeigt und lässt sich später nicht nachschlagen. Bewahren Sie ihn sicher auf.",
		TryKey:       "Probieren Sie ihn aus",

		Mine: germanMine(), Account: germanAccount(), Admin: germanAdmin(), Contacts: germanContacts(), Report: germanReport(), Sending: germanSending(), DaysCount: func(n int) string { return count(n, "Tag", "Tage") },

		Ways: "Wege", SignOut: "Abmelden",
		SignIn: SignIn{
			Forgot: "Passwort vergessen?", New: "Konto anlegen", Name: "Name (wenn Sie mögen)", Terms: "Ich nehme die Bedingungen dieses Servers an.",
			Link: "Anmelden", Title: "Anmelden", Button: "Anmelden",
			Wrong: map[string]string{
				"wrong_password":          "Unbekannte Adresse oder falsches Passwort.",
				"account_disabled":        "Dieses Konto ist abgeschaltet. Fragen Sie die Betreiber dieses Servers.",
				"password_reset_required": "Dieses Passwort muss erst geändert werden. Lassen Sie sich einen Brief schicken, mit dem Sie ein neues wählen.",
				"too_many_tries":          "Zu viele Versuche. Warten Sie eine Viertelstunde und versuchen Sie es dann wieder.",
			},
		},

		Forgot: Step{"Ein neues Passwort", "Nennen Sie Ihre Adresse, und wir schreiben Ihnen, wie Sie ein anderes wählen.", "Schreiben Sie mir", "Sehen Sie in Ihre Post", "Wenn es ein Konto mit dieser Adresse gibt, ist ein Brief unterwegs. Er gilt eine Stunde."},
		SignUp: Step{"Konto anlegen", "Wir schreiben an Ihre Adresse, um zu sehen, dass es Ihre ist.", "Konto anlegen", "Sehen Sie in Ihre Post", "Ein Brief ist zu Ihnen unterwegs. Ihr Konto wird angelegt, wenn Sie innerhalb einer Stunde seinem Link folgen."},
		Register: Step{
			"Noch ein Schritt", "Ihr Konto ist fast fertig.", "Konto fertigstellen",
			"Ihr Konto ist bereit", "Melden Sie sich mit Ihrer Adresse und dem gewählten Passwort an.",
		},
		Verify: Step{
			"Ist das Ihre Adresse?", "Bestätigen Sie, dass die Adresse, an die wir geschrieben haben, Ihnen gehört.", "Ja, sie gehört mir",
			"Danke", "Die Adresse ist bestätigt.",
		},
		NewPassword: Step{
			"Ein neues Passwort wählen", "Es gilt sofort statt des alten. Überall, wo Sie angemeldet sind, melden Sie sich neu an, und Ihre API-Schlüssel enden.",
			"Dieses Passwort nehmen", "Ihr Passwort ist geändert", "Melden Sie sich von nun an mit dem neuen an.",
		},

		Wrong: map[string]string{
			"email_invalid":   "Das ist keine E-Mail-Adresse.",
			"password_length": "Zwischen 8 und 1024 Zeichen, bitte.",
			"password_weak":   "Zu leicht zu erraten. Bitte wählen Sie ein anderes.",
			"email_taken":     "Mit dieser Adresse gibt es schon ein Konto.",

			"password_required": "Bitte geben Sie das Passwort ein.",
			"password_wrong":    "Das ist nicht das Passwort.",
			"too_many_tries":    "Hier wurden zu viele Passwörter probiert. Warten Sie eine Viertelstunde und versuchen Sie es dann wieder.",

			"reported_enough":   "Das ist schon gemeldet worden und wird angesehen.",
			"report_invalid":    "Sagen Sie, was nicht stimmt, mit höchstens tausend Zeichen.",
			"contact_duplicate": "Einen Kontakt mit dieser Adresse gibt es schon.",
			"contacts_limit":    "Das Adressbuch ist voll.",
		},

		BackHome: "Zur Startseite",
		Request:  "Wenn Sie es den Betreibern dieses Servers melden, nennen Sie ihnen diese Nummer:",

		problems: map[fault.Kind]Problem{
			fault.Internal:        {"Etwas ist kaputtgegangen", "Das liegt an uns, nicht an Ihnen. Bitte versuchen Sie es in einer Weile wieder."},
			fault.Invalid:         {"Das ergab keinen Sinn", "Diese Anfrage versteht der Server nicht."},
			fault.Unauthenticated: {"Wer ist da?", "Dafür müssen Sie sich anmelden."},
			fault.Forbidden:       {"Nicht für Sie", "Das dürfen Sie nicht sehen."},
			fault.NotFound:        {"Hier ist nichts", "Vielleicht ist der Link vertippt oder abgeschnitten. Kam er mit der Post, kopieren Sie ihn ganz."},
			fault.Gone:            {"Das ist vorbei", "Die Dateien hinter diesem Link sind entfernt worden. Bitten Sie den Absender, sie noch einmal zu schicken."},
			fault.Conflict:        {"Nicht in diesem Zustand", "Inzwischen hat sich etwas geändert. Bitte laden Sie die Seite neu."},
			fault.TooLarge:        {"Zu groß", "Das war mehr, als dieser Server auf einmal nimmt."},
			fault.Throttled:       {"Einen Moment, bitte", "Zu viele Links von Ihrer Adresse führten ins Leere. Warten Sie eine Minute, prüfen Sie den Link und versuchen Sie es wieder."},
			fault.Timeout:         {"Zu langsam", "Die Anfrage kam nicht rechtzeitig an. Bitte versuchen Sie es wieder."},
			fault.Full:            {"Kein Platz mehr", "Dafür hat dieser Server im Augenblick keinen Platz."},
			fault.Unavailable:     {"Gleich zurück", "Der Server wird gewartet oder hat zu viel zu tun. Bitte versuchen Sie es bald wieder."},
		},
		byCode: map[string]Problem{
			"transfer_expired":   {"Dieser Transfer ist abgelaufen", "Seine Zeit ist vorbei, und seine Dateien sind entfernt. Bitten Sie den Absender, sie noch einmal zu schicken."},
			"transfer_deleted":   {"Dieser Transfer wurde entfernt", "Sein Absender oder die Betreiber dieses Servers haben ihn entfernt."},
			"transfer_cancelled": {"Dieser Transfer wurde zurückgenommen", "Sein Absender hat ihn abgebrochen, bevor er vollständig war."},
			"transfer_blocked":   {"Dieser Transfer ist gesperrt", "Die Betreiber dieses Servers haben ihn gesperrt."},
			"content_damaged":    {"Diese Bytes sind beschädigt", "Der Speicher des Servers hat sie verändert, deshalb werden sie nicht herausgegeben. Bitten Sie den Absender, sie noch einmal zu schicken."},
			"file_deleted":       {"Diese Datei wurde herausgenommen", "Ihr Absender hat sie entfernt. Was sonst geschickt wurde, steht auf der Seite des Links."},
			"downloads_used":     {"Das wurde schon abgeholt", "Es konnte nur so oft heruntergeladen werden, und das ist aufgebraucht. Bitten Sie den Absender, es noch einmal zu schicken."},
			"password_required":  {"Bitte das Passwort", "Öffnen Sie zuerst die Seite des Links. Sie fragt nach dem Passwort und führt hierher zurück."},
			"own_people_sign_in": {"Nicht für alle", "Die Firma des Absenders gibt diese Dateien nur an ihre eigenen Leute."},
			"own_people_only":    {"Nicht für alle", "Die Firma des Absenders gibt diese Dateien nur an ihre eigenen Leute."},
			"ticket_unknown":     {"Dieser Link gilt nicht mehr", "Er wurde schon benutzt, oder seine Zeit ist vorbei. Fordern Sie einen neuen Brief an."},
			"email_taken":        {"Es gibt schon ein Konto", "Ein anderes Konto hat inzwischen diese Adresse. Melden Sie sich damit an, oder fordern Sie ein neues Passwort an."},
			"licences_used":      {"Kein Platz mehr", "Die Firma, zu der Ihre Adresse gehört, hat so viele Nutzer, wie sie haben darf. Fragen Sie, wer sie verwaltet."},
			"blocked":            {"Nicht für diese Adresse", "Diese Adresse ist hier nicht willkommen. Die Betreiber dieses Servers können Ihnen mehr sagen."},
			"method_not_allowed": {"So nicht", "Diese Adresse nimmt eine solche Anfrage nicht an."},
		},
	}
}

func germanLetters() *Letters {
	files := func(n int) string { return count(n, "Datei", "Dateien") }
	goodUntil := func(moment string) string { return "Der Link gilt einmal, bis " + moment + "." }
	return &Letters{
		Lang: "de",

		Via:      func(sender, site string) string { return sender + " über " + site },
		Somebody: "Jemand",
		Nameless: "Datei",
		Subject:  func(what, subject string) string { return what + ": " + subject },

		SentYou:   func(sender string, n int) string { return sender + " hat Ihnen " + files(n) + " geschickt" },
		Confirmed: func(n int) string { return files(n) + " verschickt" },
		ConfirmedText: func(n int) string {
			if n == 0 {
				return "Ihre Dateien sind vollständig angekommen und lassen sich mit dem Link unten herunterladen."
			}
			return "Ihre Dateien sind vollständig angekommen, und " + count(n, "Person wurde", "Personen wurden") + " angeschrieben, jede mit eigenem Link."
		},
		Downloaded: func(what string) string { return "Erster Download: " + what },
		DownloadedBy: func(who, what, moment string) string {
			return who + " hat am " + moment + " " + what + " heruntergeladen."
		},
		Everything: "alles",
		ByLink:     "Jemand mit dem Link",
		Summed:     func(what string) string { return "Downloads: " + what },
		SummedText: func(n int) string {
			if n == 1 {
				return "Bisher gab es 1 Download."
			}
			return "Bisher gab es " + strconv.Itoa(n) + " Downloads."
		},
		SummedLast: "Das ist der letzte Brief über Downloads dieses Transfers. Die Seite hinter dem Knopf zählt weiter.",
		DownloadOf: func(what, moment string) string { return what + ", " + moment },
		FilesCount: files,
		Files:      "Dateien",
		Recipients: "Angeschrieben",
		Downloads:  "Downloads",
		More:       func(n int) string { return "und " + strconv.Itoa(n) + " weitere" },
		Total:      func(n int, size string) string { return files(n) + ", " + size },
		MessageOf:  func(sender string) string { return sender + " schreibt:" },
		Until:      func(moment string) string { return "Sie lassen sich bis " + moment + " herunterladen." },
		Forever:    "Sie lassen sich herunterladen, bis der Absender sie entfernt.",
		Protected:  "Ein Passwort schützt sie. Es steht nicht in diesem Brief; der Absender hat es.",
		Get:        "Dateien holen",
		Look:       "Transfer ansehen",
		YourLink:   "Dieser Link gehört Ihnen: Wer ihn hat, kann die Dateien herunterladen, und es zählt als Ihr Download.",
		SenderLink: "Wer diesen Link hat, kann die Dateien herunterladen. Geben Sie ihn mit Bedacht weiter.",
		WhyYou: func(sender string) string {
			return "Sie bekommen diesen Brief, weil " + sender + " Ihre Adresse eingegeben hat. Wenn Sie den Absender nicht kennen, lassen Sie die Dateien liegen."
		},
		WhyYouAtAll:  "Sie bekommen diesen Brief, weil jemand Ihre Adresse eingegeben hat. Wenn Sie keine Dateien erwarten, lassen Sie sie liegen.",
		WhyYouSender: "Sie bekommen diesen Brief, weil Sie ihn beim Senden der Dateien gewünscht haben.",
		Moment:       germanMoment,
		OrCopy:       "Oder kopieren Sie diese Adresse in Ihren Browser:",

		Verify: Asking{
			Title: "Ist das Ihre Adresse?", Text: "Bitte bestätigen Sie, dass diese E-Mail-Adresse Ihnen gehört. Dann können Sie von ihr aus Dateien senden.",
			Button: "Ja, sie gehört mir", GoodUntil: goodUntil,
			NotYou: "Wenn Sie das nicht wollten, tun Sie nichts, und es geschieht nichts.",
		},
		Reset: Asking{
			Title: "Ein neues Passwort wählen", Text: "Jemand, hoffentlich Sie, hat ein neues Passwort für Ihr Konto angefordert.",
			Button: "Passwort wählen", GoodUntil: goodUntil,
			NotYou: "Waren Sie es nicht, tun Sie nichts: Ihr Passwort bleibt, wie es ist.",
		},
		Register: Asking{
			Title: "Noch ein Schritt", Text: "Ihr Konto ist fast fertig. Bestätigen Sie Ihre E-Mail-Adresse, um es fertigzustellen.",
			Button: "Konto fertigstellen", GoodUntil: goodUntil,
			NotYou: "Wenn Sie kein Konto wollten, tun Sie nichts, und es gibt keines.",
		},

		TestTitle: "Die Post geht",
		TestText:  "Diesen Brief hat ferry mail test geschrieben. Dass Sie ihn lesen, heißt: Die Post dieses Servers kommt an.",

		SentBy: func(site string) string {
			return "Gesendet von " + site + ", das große Dateien von Mensch zu Mensch bringt, auf einem eigenen Server."
		},
	}
}
