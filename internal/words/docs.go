package words

// Docs is what the page says to which the errors of WeTransfer's API point.
type Docs struct {
	Link        string // from the first page
	Title, Lead string

	SpeaksTitle string
	Speaks      []Address

	PointTitle, PointText, PointAfter string
	CallsTitle, CallsText, CallsAfter string
	S3Title, S3Text, S3After          string

	ErrorsTitle, ErrorsText string
	Errors                  []ErrorHelp
	OtherErrors             string

	UploadErrorsTitle, UploadErrorsText string
	UploadErrors                        []ErrorHelp

	MoreTitle string
	More      []Reference
}

// An Address is one that this server answers at.
type Address struct {
	Path string // below the address of the server
	Text string
}

// An ErrorHelp says what some errors mean that ask for the same, and what to do.
type ErrorHelp struct {
	Status   string
	Messages []string // as the API says them; "…" is what differs from case to case
	Text     string
}

// A Reference leads to a page of others.
type Reference struct{ URL, Text string }

func englishDocs() Docs {
	return Docs{
		Link:  "What it speaks, and what its errors mean",
		Title: "Talking to this server",
		Lead:  "For people who write programs, and for those whose program has just been told “See …/docs”.",

		SpeaksTitle: "What it speaks",
		Speaks: []Address{
			{"/v2", "WeTransfer’s public API, version 2: transfers and boards."},
			{"/v1", "The same, version 1."},
			{"/api/v4", "The two calls with which WeTransfer’s web client downloads; they need the link and no key."},
			{"/s3", "S3, with the bucket “ferry”."},
		},

		PointTitle: "Bring your program",
		PointText:  "A program made for WeTransfer’s API needs this server’s address in place of https://dev.wetransfer.com, and a key of this server. Nothing else changes. With WeTransfer’s own SDK for JavaScript:",
		PointAfter: "Keys are made by whoever runs this server. A key goes into the header x-api-key of every call, and the token that authorize gives into Authorization of every call after it. A token is good for a year if nobody has changed that, and for no other key than the one that made it.",

		CallsTitle: "A transfer, call by call",
		CallsText:  "What version 2 takes to send one file. Ids and addresses come from the answer before.",
		CallsAfter: "A file that is longer than the chunk_size in the answer is put in parts of that length, the last one shorter, each to an upload URL of its own; parts are counted from 1, and part_numbers says how many there are. A part that was answered with 200 is safe. When all files are complete, finalize gives the link.",

		S3Title: "With S3 programs",
		S3Text:  "This is the endpoint. The bucket is “ferry”, in the path and not in the host name; any region will do.",
		S3After: "Access id and secret belong to an API key; whoever runs this server prints them:",

		ErrorsTitle: "What the errors mean",
		ErrorsText:  "Every error is JSON with a message. In version 2 most have “success”: false beside it, and many end with the address of this page.",
		Errors: []ErrorHelp{
			{"400", []string{"Expected … to be …"}, "The parts of a file have another sum than the size that was announced. Put the part that is short or missing, and complete again; or announce the right size."},
			{"400", []string{"expected at least 1 part"}, "A file of a board was completed before any of it had arrived."},
			{"400", []string{"multipart upload id is missing", "multipart upload id is invalid"}, "Version 1 and boards ask for upload URLs with the id that came with the file, after the number of the part."},
			{"401, 403", []string{"Unauthorized", "Forbidden", "Forbidden: invalid API Key"}, "The key or the token is missing, mistyped, too old, or made for another key. Send both with every call; authorize once more if in doubt."},
			{"401", []string{"File is not in one of your boards", "File is not in one of your transfers"}, "The file was made with another key or another user_identifier, or not at all."},
			{"403", []string{"Missing Authentication Token"}, "It has nothing to do with tokens: there is no such call. Look at the spelling of the path, and whether it begins with /v1 or /v2."},
			{"403", []string{"You're not a member of this board (…)"}, "The board was made with another key or another user_identifier."},
			{"403", []string{"No download access to this Transfer"}, "The link that was taken apart for this call is not a good one. Take the whole of it."},
			{"404", []string{"Couldn't find Transfer", "Invalid transfer or file id", "This board does not exist", "File not found", "Not Found"}, "There is no such thing for this key and this user_identifier. An id that belongs to another key is answered the same."},
			{"404", []string{"Resource not found", "use correct endpoint"}, "There is no such call. Where it says “use correct endpoint”, the id of the board is missing from the path."},
			{"405", []string{"Unsupported HTTP method", "The HTTP method or resources may not be supported."}, "The path is right, the method is not: POST where GET belongs, say."},
			{"406", []string{"Not Acceptable"}, "The header Accept leaves out JSON, and there is nothing else."},
			{"408", []string{"Request Timeout"}, "The body of the call took too long to arrive."},
			{"410", []string{"Gone"}, "Its time is over or it was deleted, and its bytes have been removed."},
			{"413", []string{"Request Entity Too Large"}, "The list of files is too long to be read in one piece."},
			{"415", []string{"Unsupported Media Type", "Unsupported Content-Type header. Please set Content-Type to 'application/json'."}, "A body must come with Content-Type: application/json. An empty one needs none."},
			{"417", []string{"Chunks … are still missing"}, "Put these parts, then complete the file again. A transfer is finalized when all of its files are complete, and says how many are not."},
			{"417", []string{"Chunk numbers are 1-based", "Chunk numbers end at …"}, "Parts are counted from 1 up to the part_numbers of the file."},
			{"429", []string{"Limit Exceeded Exception"}, "The key has used up its calls of this day (it ends at midnight, UTC; Retry-After tells how many seconds are left), or too many links from your address led nowhere."},
			{"500", []string{"Internal Server Error"}, "This is our fault. Try again; if it stays, give the X-Request-Id of the answer to whoever runs this server."},
			{"503", []string{"Service Unavailable"}, "Maintenance, or too much to do at once. Try again after as many seconds as Retry-After says."},
			{"507", []string{"Insufficient Storage"}, "The account or the server has no room left. Ask whoever runs this server for more, or wait until older transfers are over."},
		},
		OtherErrors: "Any other 400 begins with the name of a field in quotes and says what is wrong with it; a text about JSON tells at which byte of the body the reading stopped.",

		UploadErrorsTitle: "Errors of an upload URL",
		UploadErrorsText:  "Upload URLs lead to the S3 side of this server, where errors are XML.",
		UploadErrors: []ErrorHelp{
			{"400", []string{"EntityTooLarge"}, "The part is longer than its file."},
			{"400", []string{"IncompleteBody"}, "The part broke off on its way. Put it again."},
			{"403", []string{"AccessDenied"}, "The URL is too old. Ask for a new one: each is good for a while only, an hour if nobody has changed that."},
			{"403", []string{"SignatureDoesNotMatch"}, "The URL was changed or cut. It has to be used to the letter."},
			{"404", []string{"NoSuchUpload"}, "The file is complete already, or gone."},
		},

		MoreTitle: "Read more",
		More: []Reference{
			{"https://github.com/WeTransfer/wt-api-docs", "The documents of WeTransfer’s API"},
			{"https://github.com/WeTransfer/wt-js-sdk", "WeTransfer’s SDK for JavaScript"},
			{"https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html", "All error codes of S3"},
		},
	}
}
