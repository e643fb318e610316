package words

import "time"

// Letters is what the mails say, in one language. A letter prints every text as
// it is and escapes it; none holds markup. What a user has written goes through
// Shown before it comes here.
type Letters struct {
	Lang string // of the html element, and of the header Content-Language

	Via      func(sender, site string) string // whom a letter is from, in its header
	Somebody string                           // a sender nobody knows, at the beginning of a sentence
	Nameless string                           // a file whose name shows nothing
	Subject  func(what, subject string) string

	// About a transfer.
	SentYou       func(sender string, files int) string // title of a recipient's letter
	Confirmed     func(files int) string
	ConfirmedText func(recipients int) string
	Downloaded    func(what string) string // what: a subject or a number of files
	DownloadedBy  func(who, what, moment string) string
	Everything    string // what was downloaded: all together
	ByLink        string // who: somebody with the common link
	Summed        func(what string) string
	SummedText    func(downloads int) string
	SummedLast    string
	DownloadOf    func(what, moment string) string
	FilesCount    func(n int) string
	Files         string // heading
	Recipients    string // heading
	Downloads     string // heading
	More          func(n int) string
	Total         func(n int, size string) string
	MessageOf     func(sender string) string // heading over the sender's message
	Until         func(moment string) string // how long the link lives
	Forever       string
	Protected     string
	Get, Look     string // the button, for recipients and for senders
	YourLink      string // small print: the link is the recipient's own
	SenderLink    string // small print: the sender's copy of the link
	WhyYou        func(sender string) string
	WhyYouAtAll   string // the same, when nobody knows the sender
	WhyYouSender  string
	Moment        func(t time.Time) string
	OrCopy        string // before the link as text

	// About an account.
	Verify, Reset, Register Asking

	// From the operator to the operator.
	TestTitle, TestText string

	SentBy func(site string) string // the foot
}

// An Asking is a letter that wants one thing done.
type Asking struct {
	Title, Text, Button string
	GoodUntil           func(moment string) string
	NotYou              string // what to do if the reader has not asked for it
}

// LettersIn gives the catalogue of letters for a locale, such as "de-CH": in its
// language where there is one, else in English.
func LettersIn(locale string) *Letters {
	if i := find(locale); i >= 0 {
		return languages[i].letters()
	}
	return languages[0].letters()
}

func englishLetters() *Letters {
	files := func(n int) string { return count(n, "file", "files") }
	goodUntil := func(moment string) string { return "The link works once, until " + moment + "." }
	return &Letters{
		Lang: "en",

		Via:      func(sender, site string) string { return sender + " via " + site },
		Somebody: "Somebody",
		Nameless: "file",
		Subject:  func(what, subject string) string { return what + ": " + subject },

		SentYou:   func(sender string, n int) string { return sender + " sent you " + files(n) },
		Confirmed: func(n int) string { return files(n) + " sent" },
		ConfirmedText: func(n int) string {
			if n == 0 {
				return "Your files have arrived here, whole, and can be downloaded by the link below."
			}
			return "Your files have arrived here, whole, and " + count(n, "person has", "people have") + " been written to, each with a link of their own."
		},
		Downloaded: func(what string) string { return "First download of " + what },
		DownloadedBy: func(who, what, moment string) string {
			return who + " downloaded " + what + " on " + moment + "."
		},
		Everything: "everything",
		ByLink:     "Somebody with the link",
		Summed:     func(what string) string { return "Downloads of " + what },
		SummedText: func(n int) string { return "There have been " + count(n, "download", "downloads") + " so far." },
		SummedLast: "This is the last letter about downloads of this transfer. The page behind the button goes on counting.",
		DownloadOf: func(what, moment string) string { return what + ", " + moment },
		FilesCount: files,
		Files:      "Files",
		Recipients: "Written to",
		Downloads:  "Downloads",
		More:       func(n int) string { return "and " + count(n, "more", "more") },
		Total:      func(n int, size string) string { return files(n) + ", " + size },
		MessageOf:  func(sender string) string { return sender + " writes:" },
		Until:      func(moment string) string { return "They can be downloaded until " + moment + "." },
		Forever:    "They can be downloaded until the sender removes them.",
		Protected:  "A password protects them. It is not in this letter; the sender has it.",
		Get:        "Get the files",
		Look:       "See the transfer",
		YourLink:   "This link is your own: who has it can download the files, and that counts as you.",
		SenderLink: "Whoever has this link can download the files. Pass it on with care.",
		WhyYou: func(sender string) string {
			return "You get this letter because " + sender + " entered your address. If you do not know them, leave the files alone."
		},
		WhyYouAtAll:  "You get this letter because somebody entered your address. If you do not expect files, leave them alone.",
		WhyYouSender: "You get this letter because you asked for it when you sent the files.",
		Moment:       func(t time.Time) string { return Date(t) + ", " + t.UTC().Format("15:04") + " UTC" },
		OrCopy:       "Or copy this address into your browser:",

		Verify: Asking{
			Title: "Is this your address?", Text: "Please confirm that this e-mail address is yours. Then you can send files from it.",
			Button: "Yes, it is mine", GoodUntil: goodUntil,
			NotYou: "If you have not asked for this, do nothing, and nothing happens.",
		},
		Reset: Asking{
			Title: "Choose a new password", Text: "Somebody, we hope you, asked for a new password for your account.",
			Button: "Choose a password", GoodUntil: goodUntil,
			NotYou: "If it was not you, do nothing: your password stays as it is.",
		},
		Register: Asking{
			Title: "One more step", Text: "Your account is almost ready. Confirm your e-mail address to finish it.",
			Button: "Finish my account", GoodUntil: goodUntil,
			NotYou: "If you have not asked for an account, do nothing, and there will be none.",
		},

		TestTitle: "Mail works",
		TestText:  "This is the letter that ferry mail test wrote. That you can read it means that this server’s mail arrives.",

		SentBy: func(site string) string {
			return "Sent by " + site + ", which carries large files from people to people, on a server of their own."
		},
	}
}
