package words

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

// Pages is what the web pages say, in one language. A page prints every text as
// it is and escapes it; none holds markup.
type Pages struct {
	Lang     string // of the html element
	Dir      string // ltr, or rtl where one writes from right to left
	Language string // label of the choice of languages
	Size     func(bytes int64) string

	// The page behind a link.
	FilesForYou    string // the title of a transfer without one
	DownloadAll    string
	DownloadOne    string
	View           string // before a file's name: to look at it
	PageOf         string // a page of a document, with %d and %d
	NotShown       string // of a document that cannot be looked at
	Choose         string // before a file's name: to have it with others
	DownloadChosen string
	AsZip          string // how everything comes: AsZip, then a size
	AllFiles       string // heading of the list, for those who hear the page
	Links          string
	Nothing        string // for a board without files
	Until          string // before a moment
	Arriving       string // of what is still coming in, and can be fetched
	PrivateLink    string
	Nameless       string // of a file whose name shows nothing
	FilesCount     func(n int) string
	LinksCount     func(n int) string
	TimeLeft       func(d time.Duration) string
	Moment         func(t time.Time) string
	SkipToMain     string
	HomeOf         func(name string) string // label of the way home
	WhatIsThis     string                   // in the foot of every page
	BoardKeeping   string
	From           string // before the sender's address
	Forever        string // where there is no moment
	OwnLink        string // PrivateLink where the link is one recipient's own

	// The form for the password of a link.
	UnlockTitle, UnlockText, UnlockButton string

	// The first page.
	HomeTitle, HomeText                  string
	RecipientTitle, RecipientText        string
	SenderTitle, SenderText, SenderAfter string
	KeyTitle, KeyText                    string

	// The page on which people send.
	Sending   Sending
	DaysCount func(n int) string

	// The pages of who is signed in.
	Mine     Mine
	Account  Account
	Admin    Admin
	Contacts Contacts
	Report   Report

	Docs Docs

	// The one-time set-up.
	SetupTitle, SetupText     string
	Email, Password           string
	PasswordHint, SetupButton string
	ReadyTitle, ReadyText     string
	YourKey, KeyOnce, TryKey  string

	// Signing in and out.
	Ways    string // label of the ways in the head of a page
	SignIn  SignIn
	SignOut string

	// The pages that letters lead to.
	Register, Verify, NewPassword Step

	// The pages that ask for such letters.
	Forgot, SignUp Step

	// Wrong says what is the matter with an input, by its fault's code.
	Wrong map[string]string

	BackHome string
	// Request comes before the id of a request that failed.
	Request string

	problems map[fault.Kind]Problem
	byCode   map[string]Problem
}

// A Step is one thing that a letter lets its reader do.
type Step struct{ Title, Text, Button, DoneTitle, DoneText string }

// SignIn is the page on which people sign in. Wrong says by its fault's code why they
// were not.
type SignIn struct {
	Link, Title, Button string
	Forgot, New         string // ways to those who cannot
	Name, Terms         string // of who makes an account
	Wrong               map[string]string
}

// A Problem tells a person why there is no page, and what to do about it.
type Problem struct{ Title, Text string }

// Problem gives the words for a fault, by its code where that says more than its
// kind.
func (p *Pages) Problem(kind fault.Kind, code string) Problem {
	if told, ok := p.byCode[code]; ok {
		return told
	}
	return p.problems[kind]
}

// A Language is one in which pages are written.
type Language struct {
	Lang string // as the html element has it
	Name string // in itself
}

// A catalogue is what is said in one language. Each is made when somebody first asks for
// it, and nobody changes it.
type catalogue struct {
	Language
	pages   func() *Pages
	letters func() *Letters
}

// languages has the catalogues of pages and letters. The first is for those who
// understand none of them.
//
// Another language is a file like german.go, and a line here.
var languages = []catalogue{
	{Language{"en", "English"}, sync.OnceValue(English), sync.OnceValue(englishLetters)},
	{Language{"de", "Deutsch"}, sync.OnceValue(germanPages), sync.OnceValue(germanLetters)},
	{Language{"nl", "Nederlands"}, sync.OnceValue(dutchPages), sync.OnceValue(dutchLetters)},
	{Language{"es", "Español"}, sync.OnceValue(spanishPages), sync.OnceValue(spanishLetters)},
	{Language{"nb", "Norsk"}, sync.OnceValue(norwegianPages), sync.OnceValue(norwegianLetters)},
}

// Languages gives those that there are, the main one first.
func Languages() []Language {
	all := make([]Language, len(languages))
	for i, l := range languages {
		all[i] = l.Language
	}
	return all
}

// find gives the place of the language of a locale, such as "de-CH"; -1 for others.
func find(locale string) int {
	lang, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(locale), "_", "-"), "-")
	if lang == "no" || lang == "nn" {
		lang = "nb"
	}
	return slices.IndexFunc(languages, func(c catalogue) bool { return c.Lang == lang })
}

// PagesIn gives the catalogue of pages for the first of these locales that there is
// one for, else the English one.
func PagesIn(locales ...string) *Pages {
	for _, locale := range locales {
		if i := find(locale); i >= 0 {
			return languages[i].pages()
		}
	}
	return languages[0].pages()
}

// English is the catalogue of pages in English.
func English() *Pages {
	return &Pages{
		Lang: "en", Dir: "ltr", Language: "Language", Size: Size,

		FilesForYou:    "Files for you",
		DownloadAll:    "Download everything",
		DownloadOne:    "Download",
		View:           "Look at",
		AsZip:          "one zip",
		PageOf:         "Page %d of %d",
		NotShown:       "This document cannot be shown here. It may be locked with a password, or damaged.",
		Choose:         "Choose",
		DownloadChosen: "Download the chosen ones as a zip",
		AllFiles:       "Files",
		Links:          "Links",
		Nothing:        "Nothing has arrived here yet. Come back in a while.",
		Until:          "until",
		Arriving:       "Still on its way: a download begins now and ends with the upload.",
		PrivateLink:    "Whoever has this link can download these files. Pass it on with care.",
		Nameless:       "file",
		FilesCount:     func(n int) string { return count(n, "file", "files") },
		LinksCount:     func(n int) string { return count(n, "link", "links") },
		TimeLeft:       lasting("%s left", "less than a minute left", "day", "days", "hour", "hours", "minute", "minutes"),
		Moment:         func(t time.Time) string { return Date(t) + ", " + t.UTC().Format("15:04") + " UTC" },
		SkipToMain:     "Skip to the content",
		HomeOf:         func(name string) string { return name + ", first page" },
		WhatIsThis:     "carries large files from people to people, on a server of their own.",
		BoardKeeping:   "Each visit keeps this board for longer.",
		From:           "From",
		Forever:        "no end is set",
		OwnLink:        "This link is your own: whoever has it can download these files, and that counts as you.",

		UnlockTitle:  "A password, please",
		UnlockText:   "Whoever sent these files has protected them. If you do not know the password, ask the sender.",
		UnlockButton: "Open",

		HomeTitle:      "Large files, safely across.",
		HomeText:       "This server carries files from one person to another, whole and in good time. When a link’s time is over, what was behind it is removed.",
		RecipientTitle: "Somebody sent you a link?",
		RecipientText:  "Open it in any browser. You need no account and no program, and a download that broke off goes on where it stopped.",
		SenderTitle:    "Sending from a script?",
		SenderText:     "Programs made for WeTransfer’s public API work here. Change their address to this one:",
		SenderAfter:    "and check that your key is taken:",
		KeyTitle:       "How to get a key",
		KeyText:        "Ask whoever runs this server. They make one with a single command:",

		Docs: englishDocs(),

		SetupTitle:   "Welcome aboard",
		SetupText:    "This server is new. Make the account that runs it; this page works once.",
		Email:        "E-mail address",
		Password:     "Password",
		PasswordHint: "At least 8 characters. Longer is better.",
		SetupButton:  "Make the account",
		ReadyTitle:   "All set",
		ReadyText:    "Your account is made. Here is your first API key; programs send files with it.",
		YourKey:      "Your API key",
		KeyOnce:      "It is shown this once and cannot be looked up later. Keep it somewhere safe.",
		TryKey:       "Try it",

		Mine: englishMine(), Account: englishAccount(), Admin: englishAdmin(), Contacts: englishContacts(), Report: englishReport(), Sending: englishSending(), DaysCount: func(n int) string { return count(n, "day", "days") },

		Ways: "Ways", SignOut: "Sign out",
		SignIn: SignIn{
			Forgot: "Forgotten your password?", New: "Make an account", Name: "Name (if you like)", Terms: "I accept the terms of this server.",
			Link: "Sign in", Title: "Sign in", Button: "Sign in",
			Wrong: map[string]string{
				"wrong_password":          "Unknown address or wrong password.",
				"account_disabled":        "This account is switched off. Ask the people who run this server.",
				"password_reset_required": "This password must be changed first. Ask for a letter by which to choose a new one.",
				"too_many_tries":          "Too many tries. Wait a quarter of an hour, then try again.",
			},
		},

		Forgot: Step{"A new password", "Say your address, and we write to you how to choose another.", "Write to me", "Look into your mail", "If there is an account with this address, a letter is on its way to it. It is good for an hour."},
		SignUp: Step{"Make an account", "We write to your address, to see that it is yours.", "Make my account", "Look into your mail", "A letter is on its way to you. Your account is made once you follow its link, within the hour."},
		Register: Step{
			"One more step", "Your account is almost ready.", "Finish my account",
			"Your account is ready", "Sign in with your address and the password that you chose.",
		},
		Verify: Step{
			"Is this your address?", "Confirm that the address to which we wrote is yours.", "Yes, it is mine",
			"Thank you", "The address is confirmed.",
		},
		NewPassword: Step{
			"Choose a new password", "It takes the place of the old one at once. Wherever you are signed in, you sign in anew, and your API keys end.",
			"Take this password", "Your password is changed", "Sign in with the new one from now on.",
		},

		Wrong: map[string]string{
			"email_invalid":   "This is not an e-mail address.",
			"password_length": "Between 8 and 1024 characters, please.",
			"password_weak":   "Too easy to guess. Please choose another.",
			"email_taken":     "There is an account with this address already.",

			"password_required": "Please enter the password.",
			"password_wrong":    "This is not the password.",
			"too_many_tries":    "Too many passwords were tried here. Wait a quarter of an hour, then try again.",

			"reported_enough":   "This has been reported already, and is being looked at.",
			"report_invalid":    "Say what is wrong, in at most a thousand characters.",
			"contact_duplicate": "There is a contact with this address already.",
			"contacts_limit":    "The address book is full.",
		},

		BackHome: "To the first page",
		Request:  "If you tell the people who run this server, give them this number:",

		problems: map[fault.Kind]Problem{
			fault.Internal:        {"Something broke", "This is our fault, not yours. Please try again in a while."},
			fault.Invalid:         {"That did not make sense", "The request was not one that this server understands."},
			fault.Unauthenticated: {"Who goes there?", "You need to sign in to see this."},
			fault.Forbidden:       {"Not for you", "You may not see this."},
			fault.NotFound:        {"Nothing here", "The link may be mistyped or cut short. If it came by mail, copy the whole of it."},
			fault.Gone:            {"This is over", "The files behind this link have been removed. Ask the sender to send them again."},
			fault.Conflict:        {"Not in this state", "Something has changed meanwhile. Please load the page again."},
			fault.TooLarge:        {"Too large", "That was more than this server takes at once."},
			fault.Throttled:       {"One moment, please", "Too many links from your address led nowhere. Wait a minute, then check the link and try again."},
			fault.Timeout:         {"Too slow", "The request did not arrive in time. Please try again."},
			fault.Full:            {"No room left", "This server has no space for that at the moment."},
			fault.Unavailable:     {"Back in a moment", "The server is being looked after or has too much to do. Please try again shortly."},
		},
		byCode: map[string]Problem{
			"transfer_expired":   {"This transfer has expired", "Its time is over, and its files have been removed. Ask the sender to send them again."},
			"transfer_deleted":   {"This transfer was taken down", "Its sender or the people who run this server have removed it."},
			"transfer_cancelled": {"This transfer was taken back", "Its sender has cancelled it before it was complete."},
			"transfer_blocked":   {"This transfer is blocked", "The people who run this server have taken it out of sight."},
			"content_damaged":    {"These bytes are damaged", "The server’s storage has changed them since they were sent, so they are not handed out. Ask the sender to send them again."},
			"file_deleted":       {"This file was taken out", "Its sender has removed it. What else was sent is on the link’s page."},
			"downloads_used":     {"This has been fetched", "It could be downloaded only so many times, and that is used up. Ask the sender to send it again."},
			"password_required":  {"A password, please", "Open the page of the link first. It asks for the password, and leads back here."},
			"own_people_sign_in": {"Not for everybody", "The sender’s company lets only its own people have these files."},
			"own_people_only":    {"Not for everybody", "The sender’s company lets only its own people have these files."},
			"ticket_unknown":     {"This link is no longer good", "It was used already, or its time is over. Ask for another letter."},
			"email_taken":        {"There is an account already", "Another account has this address by now. Sign in with it, or ask for a new password."},
			"licences_used":      {"No place left", "The company that your address belongs to has as many users as it may have. Ask the people who manage it."},
			"blocked":            {"Not for this address", "This address is not welcome here. The people who run this server can tell you more."},
			"method_not_allowed": {"Not like this", "This address does not take that kind of request."},
		},
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
