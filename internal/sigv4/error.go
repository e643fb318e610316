package sigv4

import "net/http"

// An Error says why a request or its body is refused, in the words S3 has for it
// (Amazon S3 API Reference, "Error Responses"). No text in it comes from a secret.
// Functions return it as error; get it back with errors.AsType[*Error].
type Error struct {
	Code    string // such as "SignatureDoesNotMatch"
	Status  int    // the HTTP status S3 answers with
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func forbidden(code, message string) error { return &Error{code, http.StatusForbidden, message} }
func bad(code, message string) error       { return &Error{code, http.StatusBadRequest, message} }

func denied(message string) error         { return forbidden("AccessDenied", message) }
func badQuery(message string) error       { return bad("AuthorizationQueryParametersError", message) }
func badHeader(message string) error      { return bad("AuthorizationHeaderMalformed", message) }
func invalidRequest(message string) error { return bad("InvalidRequest", message) }

func signatureMismatch() error {
	return forbidden("SignatureDoesNotMatch", "The request signature we calculated does not match the signature "+
		"you provided. Check your key and signing method.")
}

func malformedTrailer() error {
	return bad("MalformedTrailerError", "The request contained trailing data that was not well-formed or did not "+
		"conform to our published schema.")
}
