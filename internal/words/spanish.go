package words

import (
	"strconv"

	"github.com/ferry-server/ferry/internal/fault"
)

var spanishMoment = moments("%[1]d de %[2]s de %[3]d, %[4]s UTC",
	"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre")

func spanishPages() *Pages {
	docs := englishDocs()
	docs.Link = "Qué habla, y qué significan sus errores (en inglés)"
	return &Pages{
		Lang: "es", Dir: "ltr", Language: "Idioma", Size: sizes(",", "byte", "bytes"),

		FilesForYou:    "Archivos para usted",
		DownloadAll:    "Descargar todo",
		DownloadOne:    "Descargar",
		View:           "Ver",
		AsZip:          "un zip",
		PageOf:         "Página %d de %d",
		NotShown:       "Este documento no se puede mostrar aquí. Puede estar protegido con una contraseña o dañado.",
		Choose:         "Elegir",
		DownloadChosen: "Descargar lo elegido en un zip",
		AllFiles:       "Archivos",
		Links:          "Enlaces",
		Nothing:        "Aquí todavía no ha llegado nada. Vuelva dentro de un rato.",
		Until:          "hasta el",
		Arriving:       "Todavía en camino: la descarga empieza ahora y termina con el envío.",
		PrivateLink:    "Quien tenga este enlace puede descargar estos archivos. Compártalo con cuidado.",
		Nameless:       "archivo",
		FilesCount:     func(n int) string { return count(n, "archivo", "archivos") },
		LinksCount:     func(n int) string { return count(n, "enlace", "enlaces") },
		TimeLeft:       lasting("quedan %s", "queda menos de un minuto", "día", "días", "hora", "horas", "minuto", "minutos"),
		Moment:         spanishMoment,
		SkipToMain:     "Ir al contenido",
		HomeOf:         func(name string) string { return name + ", página principal" },
		WhatIsThis:     "lleva archivos grandes de persona a persona, en un servidor propio.",
		BoardKeeping:   "Cada visita conserva este tablero por más tiempo.",
		From:           "De",
		Forever:        "sin fecha de fin",
		OwnLink:        "Este enlace es suyo: quien lo tenga puede descargar los archivos, y cuenta como si fuera usted.",

		UnlockTitle:  "La contraseña, por favor",
		UnlockText:   "Quien envió estos archivos los ha protegido. Si no conoce la contraseña, pídasela al remitente.",
		UnlockButton: "Abrir",

		HomeTitle:      "Archivos grandes, sanos y salvos.",
		HomeText:       "Este servidor lleva archivos de una persona a otra, enteros y a tiempo. Cuando un enlace caduca, se elimina lo que había detrás.",
		RecipientTitle: "¿Le han enviado un enlace?",
		RecipientText:  "Ábralo en cualquier navegador. No necesita cuenta ni programa, y una descarga interrumpida sigue donde se quedó.",
		SenderTitle:    "¿Envía desde un script?",
		SenderText:     "Los programas hechos para la API pública de WeTransfer funcionan aquí. Cambie su dirección por esta:",
		SenderAfter:    "y compruebe que su clave se acepta:",
		KeyTitle:       "Cómo conseguir una clave",
		KeyText:        "Pídala a quien administra este servidor. La crea con una sola orden:",

		Docs: docs,

		SetupTitle:   "Bienvenido a bordo",
		SetupText:    "Este servidor es nuevo. Cree la cuenta que lo administra; esta página sirve una sola vez.",
		Email:        "Correo electrónico",
		Password:     "Contraseña",
		PasswordHint: "Al menos 8 caracteres. Cuanto más larga, mejor.",
		SetupButton:  "Crear la cuenta",
		ReadyTitle:   "Todo listo",
		ReadyText:    "Su cuenta está creada. Esta es su primera clave de API; los programas envían archivos con ella.",
		YourKey:      "Su clave de API",
		KeyOnce:      "Se muestra solo esta vez y no se puede consultar después. Guárdela en un lugar seguro.",
		TryKey:       "Pruébela",

		Mine: spanishMine(), Account: spanishAccount(), Admin: spanishAdmin(), Contacts: spanishContacts(), Report: spanishReport(), Sending: spanishSending(), DaysCount: func(n int) string { return count(n, "día", "días") },

		Ways: "Caminos", SignOut: "Cerrar sesión",
		SignIn: SignIn{
			Forgot: "¿Ha olvidado la contraseña?", New: "Crear una cuenta", Name: "Nombre (si quiere)", Terms: "Acepto las condiciones de este servidor.",
			Link: "Iniciar sesión", Title: "Iniciar sesión", Button: "Entrar",
			Wrong: map[string]string{
				"wrong_password":          "Dirección desconocida o contraseña incorrecta.",
				"account_disabled":        "Esta cuenta está desactivada. Pregunte a quienes llevan este servidor.",
				"password_reset_required": "Antes hay que cambiar esta contraseña. Pida una carta con la que elegir una nueva.",
				"too_many_tries":          "Demasiados intentos. Espere un cuarto de hora y vuelva a probar.",
			},
		},

		Forgot: Step{"Una contraseña nueva", "Diga su dirección y le escribiremos cómo elegir otra.", "Escríbanme", "Mire su correo", "Si hay una cuenta con esta dirección, una carta va de camino. Vale una hora."},
		SignUp: Step{"Crear una cuenta", "Escribimos a su dirección para ver que es suya.", "Crear mi cuenta", "Mire su correo", "Una carta va de camino. Su cuenta se crea cuando siga su enlace, en el plazo de una hora."},
		Register: Step{
			"Un paso más", "Su cuenta está casi lista.", "Terminar mi cuenta",
			"Su cuenta está lista", "Inicie sesión con su dirección y la contraseña que eligió.",
		},
		Verify: Step{
			"¿Es esta su dirección?", "Confirme que la dirección a la que escribimos es suya.", "Sí, es mía",
			"Gracias", "La dirección está confirmada.",
		},
		NewPassword: Step{
			"Elija una contraseña nueva", "Sustituye a la anterior de inmediato. Tendrá que iniciar sesión de nuevo en todas partes, y sus claves de API dejan de valer.",
			"Usar esta contraseña", "Su contraseña ha cambiado", "Desde ahora, inicie sesión con la nueva.",
		},

		Wrong: map[string]string{
			"email_invalid":   "Esto no es una dirección de correo.",
			"password_length": "Entre 8 y 1024 caracteres, por favor.",
			"password_weak":   "Demasiado fácil de adivinar. Elija otra.",
			"email_taken":     "Ya hay una cuenta con esta dirección.",

			"password_required": "Escriba la contraseña.",
			"password_wrong":    "Esta no es la contraseña.",
			"too_many_tries":    "Aquí se han probado demasiadas contraseñas. Espere un cuarto de hora y vuelva a intentarlo.",

			"reported_enough":   "Esto ya ha sido denunciado y se está revisando.",
			"report_invalid":    "Diga qué está mal, en mil caracteres como mucho.",
			"contact_duplicate": "Ya hay un contacto con esta dirección.",
			"contacts_limit":    "La libreta de direcciones está llena.",
		},

		BackHome: "A la página principal",
		Request:  "Si avisa a quienes administran este servidor, deles este número:",

		problems: map[fault.Kind]Problem{
			fault.Internal:        {"Algo se ha roto", "Es culpa nuestra, no suya. Vuelva a intentarlo dentro de un rato."},
			fault.Invalid:         {"No se entiende", "El servidor no entiende esta petición."},
			fault.Unauthenticated: {"¿Quién es?", "Tiene que iniciar sesión para ver esto."},
			fault.Forbidden:       {"No es para usted", "No puede ver esto."},
			fault.NotFound:        {"Aquí no hay nada", "Puede que el enlace esté mal escrito o cortado. Si le llegó por correo, cópielo entero."},
			fault.Gone:            {"Esto ha terminado", "Los archivos de este enlace se han eliminado. Pida al remitente que los envíe otra vez."},
			fault.Conflict:        {"No en este estado", "Algo ha cambiado entretanto. Vuelva a cargar la página."},
			fault.TooLarge:        {"Demasiado grande", "Era más de lo que este servidor acepta de una vez."},
			fault.Throttled:       {"Un momento, por favor", "Demasiados enlaces desde su dirección no llevaban a nada. Espere un minuto, revise el enlace y vuelva a intentarlo."},
			fault.Timeout:         {"Demasiado lento", "La petición no llegó a tiempo. Vuelva a intentarlo."},
			fault.Full:            {"No queda sitio", "Este servidor no tiene espacio para eso en este momento."},
			fault.Unavailable:     {"Enseguida volvemos", "El servidor está en mantenimiento o tiene demasiado trabajo. Vuelva a intentarlo en breve."},
		},
		byCode: map[string]Problem{
			"transfer_expired":   {"Este envío ha caducado", "Su plazo ha pasado y sus archivos se han eliminado. Pida al remitente que los envíe otra vez."},
			"transfer_deleted":   {"Este envío se ha retirado", "Lo ha eliminado su remitente o quienes administran este servidor."},
			"transfer_cancelled": {"Este envío se ha cancelado", "Su remitente lo canceló antes de que estuviera completo."},
			"transfer_blocked":   {"Este envío está bloqueado", "Quienes administran este servidor lo han bloqueado."},
			"content_damaged":    {"Estos bytes están dañados", "El almacenamiento del servidor los ha alterado, así que no se entregan. Pida al remitente que los envíe otra vez."},
			"file_deleted":       {"Este archivo se ha quitado", "Su remitente lo ha eliminado. Lo demás está en la página del enlace."},
			"downloads_used":     {"Esto ya se ha recogido", "Solo se podía descargar un número de veces, y se ha agotado. Pida al remitente que lo envíe otra vez."},
			"password_required":  {"La contraseña, por favor", "Abra primero la página del enlace. Le pedirá la contraseña y le traerá de vuelta."},
			"own_people_sign_in": {"No es para todos", "La empresa del remitente solo entrega estos archivos a su propia gente."},
			"own_people_only":    {"No es para todos", "La empresa del remitente solo entrega estos archivos a su propia gente."},
			"ticket_unknown":     {"Este enlace ya no vale", "Ya se usó, o su plazo ha pasado. Pida otra carta."},
			"email_taken":        {"Ya hay una cuenta", "Otra cuenta tiene ya esta dirección. Inicie sesión con ella o pida una contraseña nueva."},
			"licences_used":      {"No queda sitio", "La empresa a la que pertenece su dirección tiene ya todos los usuarios que puede tener. Pregunte a quien la administra."},
			"blocked":            {"No para esta dirección", "Esta dirección no es bienvenida aquí. Quienes administran este servidor pueden decirle más."},
			"method_not_allowed": {"Así no", "Esta dirección no acepta ese tipo de petición."},
		},
	}
}

func spanishLetters() *Letters {
	files := func(n int) string { return count(n, "archivo", "archivos") }
	goodUntil := func(moment string) string { return "El enlace sirve una vez, hasta el " + moment + "." }
	return &Letters{
		Lang: "es",

		Via:      func(sender, site string) string { return sender + " a través de " + site },
		Somebody: "Alguien",
		Nameless: "archivo",
		Subject:  func(what, subject string) string { return what + ": " + subject },

		SentYou:   func(sender string, n int) string { return sender + " le ha enviado " + files(n) },
		Confirmed: func(n int) string { return count(n, "archivo enviado", "archivos enviados") },
		ConfirmedText: func(n int) string {
			if n == 0 {
				return "Sus archivos han llegado enteros y se pueden descargar con el enlace de abajo."
			}
			return "Sus archivos han llegado enteros, y se ha escrito a " + count(n, "persona", "personas") + ", cada una con su propio enlace."
		},
		Downloaded: func(what string) string { return "Primera descarga de " + what },
		DownloadedBy: func(who, what, moment string) string {
			return who + " descargó " + what + " el " + moment + "."
		},
		Everything: "todo",
		ByLink:     "Alguien con el enlace",
		Summed:     func(what string) string { return "Descargas de " + what },
		SummedText: func(n int) string { return "Hasta ahora ha habido " + count(n, "descarga", "descargas") + "." },
		SummedLast: "Esta es la última carta sobre descargas de este envío. La página del botón sigue contando.",
		DownloadOf: func(what, moment string) string { return what + ", " + moment },
		FilesCount: files,
		Files:      "Archivos",
		Recipients: "Se ha escrito a",
		Downloads:  "Descargas",
		More:       func(n int) string { return "y " + strconv.Itoa(n) + " más" },
		Total:      func(n int, size string) string { return files(n) + ", " + size },
		MessageOf:  func(sender string) string { return sender + " escribe:" },
		Until:      func(moment string) string { return "Se pueden descargar hasta el " + moment + "." },
		Forever:    "Se pueden descargar hasta que el remitente los elimine.",
		Protected:  "Una contraseña los protege. No está en esta carta; la tiene el remitente.",
		Get:        "Recoger los archivos",
		Look:       "Ver el envío",
		YourLink:   "Este enlace es suyo: quien lo tenga puede descargar los archivos, y cuenta como si fuera usted.",
		SenderLink: "Quien tenga este enlace puede descargar los archivos. Compártalo con cuidado.",
		WhyYou: func(sender string) string {
			return "Recibe esta carta porque " + sender + " escribió su dirección. Si no conoce al remitente, no toque los archivos."
		},
		WhyYouAtAll:  "Recibe esta carta porque alguien escribió su dirección. Si no espera archivos, no los toque.",
		WhyYouSender: "Recibe esta carta porque la pidió al enviar los archivos.",
		Moment:       spanishMoment,
		OrCopy:       "O copie esta dirección en su navegador:",

		Verify: Asking{
			Title: "¿Es esta su dirección?", Text: "Confirme que esta dirección de correo es suya. Después podrá enviar archivos desde ella.",
			Button: "Sí, es mía", GoodUntil: goodUntil,
			NotYou: "Si no lo ha pedido, no haga nada, y no pasará nada.",
		},
		Reset: Asking{
			Title: "Elija una contraseña nueva", Text: "Alguien, esperamos que usted, pidió una contraseña nueva para su cuenta.",
			Button: "Elegir una contraseña", GoodUntil: goodUntil,
			NotYou: "Si no fue usted, no haga nada: su contraseña sigue igual.",
		},
		Register: Asking{
			Title: "Un paso más", Text: "Su cuenta está casi lista. Confirme su dirección de correo para terminarla.",
			Button: "Terminar mi cuenta", GoodUntil: goodUntil,
			NotYou: "Si no pidió una cuenta, no haga nada, y no habrá ninguna.",
		},

		TestTitle: "El correo funciona",
		TestText:  "Esta carta la escribió ferry mail test. Si puede leerla, el correo de este servidor llega.",

		SentBy: func(site string) string {
			return "Enviado por " + site + ", que lleva archivos grandes de persona a persona, en un servidor propio."
		},
	}
}
