package words

// Sessions is what the page of somebody's own account says of where they are signed in.
type Sessions struct {
	Here, Used string
	End, Ended string // End: {name}
	Others     string
}

func englishSessions() Sessions {
	return Sessions{Here: "this browser", Used: "last used", End: "Sign out {name}", Ended: "It is signed out.", Others: "Sign out the others"}
}

func germanSessions() Sessions {
	return Sessions{Here: "dieser Browser", Used: "zuletzt benutzt", End: "{name} abmelden", Ended: "Er ist abgemeldet.", Others: "Die anderen abmelden"}
}

func dutchSessions() Sessions {
	return Sessions{Here: "deze browser", Used: "laatst gebruikt", End: "{name} uitloggen", Ended: "Hij is uitgelogd.", Others: "De andere uitloggen"}
}

func spanishSessions() Sessions {
	return Sessions{
		Here: "este navegador", Used: "última vez", End: "Cerrar la sesión de {name}", Ended: "La sesión está cerrada.",
		Others: "Cerrar las demás sesiones",
	}
}

func norwegianSessions() Sessions {
	return Sessions{Here: "denne nettleseren", Used: "sist brukt", End: "Logg ut {name}", Ended: "Den er logget ut.", Others: "Logg ut de andre"}
}
