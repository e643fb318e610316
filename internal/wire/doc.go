// Package wire is what every door shares when it translates HTTP: one JSON
// lexer, one way to read a small body and one to pace a large one, one way to
// write an answer, media types, CORS, what the listener knows of a request, how
// many links that lead nowhere a stranger may try, and a router that never
// redirects.
//
// It leaves to the doors all that one API has and another has not: the JSON
// structs, the field rules, the wording of errors, the order of the checks.
// Start at Router, which a door asks first, then ReadBody, Parse and WriteJSON.
package wire
