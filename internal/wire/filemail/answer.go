package filemail

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// Codes of this door's own faults.
const (
	codeUnknownPath = "unknown_path"
	codeMethod      = "method"
	codeVersion     = "api_version"
	codeContentType = "content_type"
	codeMalformed   = "malformed"
	codeNoKey       = "key_missing"
	codeKey         = "key_invalid"
	codeToken       = "token_invalid"
	codeForeignPage = "foreign_page"
	codeMissing     = "missing"       // of a field
	codeValue       = "value_invalid" // of a field
	codeEmail       = "email_invalid" // of a field; the core's word, too
	codeLate        = "late_parameter"
)

// byCode gives the status of what this API has a word for.
var byCode = map[string]status{
	codeMethod:           invalidRequest,
	codeVersion:          invalidRequest,
	codeContentType:      invalidRequest,
	codeMalformed:        invalidRequest,
	wire.CodeEncoding:    invalidRequest,
	wire.CodeTooLarge:    invalidRequest, // the body of a call, not a file
	wire.CodeIncomplete:  invalidRequest,
	"incomplete_body":    invalidRequest,
	codeNoKey:            missingApikey,
	codeKey:              invalidApikey,
	"key_unknown":        invalidApikey,
	"daily_limit":        apiKeyQuotaExceeded,
	codeToken:            invalidOrExpiredLoginToken,
	codeMissing:          inputParameterMissing,
	codeEmail:            invalidEmail,
	"email_taken":        emailAlreadyRegistered,
	"password_length":    passwordTooWeak,
	"part_missing":       uploadNotComplete,
	"file_incomplete":    uploadNotComplete,
	"size_mismatch":      uploadNotComplete,
	"part_too_large":     invalidParameter, // longer than was said, not than is allowed
	"transfer_too_large": fileSizeBlockSender,
	"portal_too_large":   fileSizeBlockRecipient,
	"transfer_expired":   transferExpired,
	"downloads_used":     transferExpired, // it ends by days or by downloads
	"transfer_cancelled": invalidTransferState,
	"transfer_blocked":   blocked,
	"file_deleted":       fileIsDeleted,
	"password_required":  passwordRequired,
	"password_wrong":     passwordRequired,
	"own_people_sign_in": corpAuthenticationRequired,
	"own_people_only":    corpAuthorizationFailed,
	"transfer_deleted":   invalidTransferState, // it was cancelled, say: its days are not over
	"quota_exceeded":     storageCapReached,
	"disk_full":          fileOperationError,
	"sync_failed":        fileOperationError,
	"content_lost":       chunkDownloadError,
	"content_damaged":    chunkDownloadError,
	"overtaken":          invalidDataState,

	"wrong_password":          wrongUsernamePassword,
	"too_many_tries":          rateLimitExceeded,
	"password_weak":           passwordTooWeak,
	"password_reset_required": passwordResetRequired,
	"account_disabled":        accessDenied,
	"login_token_invalid":     invalidOrExpiredLoginToken,
	"refresh_expired":         refreshTokenExpired,
	"refresh_used":            refreshTokenAlreadyUsed,
	"scope_missing":           authorizationFailure,
	"sign_up_closed":          accessDenied,
	"sign_up_form":            signupFormNotAccepted,
	"session_password_gone":   sessionPasswordNotFound,
	"ticket_unknown":          notFound,
	"account_unknown":         notFound,
	"plan_unknown":            notFound,
	"installation_account":    accessDenied,
	"no_api_access":           invalidMembership,
	"plan_lacks_company":      invalidMembership,
	"operator_only":           accessDenied,
	"not_company_admin":       accessDenied,
	"company_unknown":         notFound,
	"company_exists":          invalidParameter, // a name that is taken
	"domain_taken":            invalidParameter,
	"company_changed":         invalidDataState,
	"licences_used":           allUserLicencesesInUse,
	"last_admin":              cantRemoveLastCorpAdmin,
	"remove_yourself":         cantRemoveYourself,
	"own_admin_role":          cantRemoveAdminRoleForYourself,

	"portal_unknown": notFound,
	"portal_deleted": invalidDataState, // it was not when the caller heard of it
	"portal_changed": invalidDataState,
	"portal_exists":  invalidParameter,
	"portals_limit":  invalidMembership,
	"portal_overdue": incomingPageBlockedInOverdue,

	"contact_unknown":         notFound, // see notThere
	"contact_group_unknown":   notFound,
	"contact_duplicate":       contactDuplicate,
	"contact_group_duplicate": contactDuplicate, // the nearest word
	"contacts_limit":          contactsLimitReached,
	"contact_groups_limit":    contactsLimitReached,
	"contacts_parse":          contactsFileParseError,
	"charset_unknown":         contactsFileParseError,
	"import_too_large":        contactsFileParseError,
	"import_running":          rateLimitExceeded,

	"login_required":           userAccountExistsLoginRequired,
	"registration_required":    registrationRequired,
	"company_account_required": businessAccountExistsRegistrationRequired,
	"email_not_verified":       emailNotVerified,
	"account_expired":          accountExpired,

	"required":              inputParameterMissing, // of a field
	"blocked":               blocked,
	"version_stale":         invalidDataState,
	"upload_recent":         uploadRecentlyUpdated,
	"recovery_not_possible": recoveryNotPossible,
	"too_many_recipients":   tooManyRecipients,
	"feature_not_allowed":   invalidMembership,
	"transfers_a_day":       freeLimitReached,
	"file_digest":           fileOperationError,
}

// httpByCode gives the HTTP status of what has another than its word: that a file is
// not what its sender said is no fault of ours.
var httpByCode = map[string]int{"file_digest": http.StatusConflict}

// byKind gives the status of the rest, for every kind there is.
var byKind = map[fault.Kind]status{
	fault.Internal:        unknownError,
	fault.Invalid:         invalidParameter,
	fault.Unauthenticated: missingApikey,
	fault.Forbidden:       accessDenied,
	fault.NotFound:        notFound,
	fault.Gone:            transferExpired,
	fault.Conflict:        invalidTransferState,
	fault.TooLarge:        fileSizeBlockSender,
	fault.Throttled:       rateLimitExceeded,
	fault.Timeout:         invalidRequest,
	fault.Full:            storageCapReached,
	fault.Unavailable:     serviceInterruption,
}

// Statuses with which an upload is told to send this request again (docs.filemail.com,
// Upload files). Which means what is a guess.
const (
	damaged   = http.StatusNotAcceptable // 406: the body is not what it should be
	retryWith = 449                      // Microsoft's "Retry With": a busy node, a lost race
)

// uploadAgain gives what an upload is told to send again. A wrong id or key must
// never be here: clients repeat without end.
var uploadAgain = map[string]struct {
	status status
	http   int
}{
	"digest_mismatch":   {invalidParameter, damaged},
	"incomplete_body":   {invalidParameter, damaged},
	wire.CodeIncomplete: {invalidParameter, damaged},
	wire.CodeTooSlow:    {invalidRequest, retryWith},
	"overtaken":         {invalidDataState, retryWith},
	"file_suspect":      {allFileserversBusy, retryWith},
	"overloaded":        {allFileserversBusy, retryWith}, // as the server refuses what is too much
}

// because makes s the answer to err, which keeps its words.
func (s status) because(err error) error { return &said{status: s, err: err} }

// saying makes s the answer to err, in words of its own: those that were seen in
// answers of Filemail.
func (s status) saying(text string, err error) error { return &said{status: s, text: text, err: err} }

// instead gives err the status s if it is of one of the kinds.
func (s status) instead(err error, kinds ...fault.Kind) error {
	if err != nil && slices.Contains(kinds, fault.KindOf(err)) {
		return s.because(err)
	}
	return err
}

// said is a failure for which a call has a status of its own.
type said struct {
	status status
	text   string
	err    error
}

func (s *said) Error() string { return s.err.Error() }
func (s *said) Unwrap() error { return s.err }

// A refusal is what a failure is told as, in whatever format.
type refusal struct {
	status status
	http   int
	text   string
	fields []fieldError // none: null
}

// A fieldError says what is wrong with one property.
type fieldError struct {
	Property string `json:"propertyName"`
	Status   string `json:"errorCode"`
	Text     string `json:"errorMessage"`

	status status
}

// newRefusal finds the words for err: what the call itself says, else by the
// fault's code, else by its kind. What several properties have in common is the
// status of the whole, too. An upload is told some things in its own way.
func newRefusal(err error, upload bool) refusal {
	r := refusal{status: byKind[fault.KindOf(err)]}
	if s, known := byCode[fault.CodeOf(err)]; known {
		r.status = s
	}
	f, _ := errors.AsType[*fault.Error](err)
	if f != nil {
		r.text = f.Msg
		r.addFields(f.Fields)
	}
	if s, is := errors.AsType[*said](err); is {
		r.status = s.status
		if s.text != "" {
			r.text = s.text
		}
	}
	if r.text == "" || f.Kind == fault.Internal {
		r.text = statuses[r.status].text
	}
	r.http = statuses[r.status].http
	if code, known := httpByCode[fault.CodeOf(err)]; known {
		r.http = code
	}
	if again, is := uploadAgain[fault.CodeOf(err)]; is && upload {
		r.status, r.http = again.status, again.http
	}
	return r
}

func (r *refusal) addFields(fields []fault.Field) {
	if len(fields) == 0 {
		return
	}
	var texts []string
	for i, f := range fields {
		s, known := byCode[f.Code]
		if !known {
			s = invalidParameter
		}
		r.fields = append(r.fields, fieldError{f.Name, s.String(), f.Msg, s})
		texts = append(texts, f.Name+" "+f.Msg)
		switch {
		case i == 0:
			r.status = s
		case r.status != s:
			r.status = invalidParameter
		}
	}
	r.text = strings.Join(texts, "; ")
}

// retryAfter says in how many seconds a client may come back, where that helps.
// What is upstream or ours may be over soon; nobody knows.
func (h *Handler) retryAfter(s status, err error) int {
	switch s {
	case apiKeyQuotaExceeded, freeLimitReached: // calls, and transfers
		const day = 24 * 60 * 60 // days are UTC's, see account.Service.Count
		return day - int(h.cfg.Now().Unix()%day)
	case rateLimitExceeded:
		if fault.Is(err, "too_many_tries") {
			return 15 * 60 // of passwords, by then all are forgiven
		}
		return 60 // of misses, one is forgiven a minute
	case fileRequestShareLimitTimeframe:
		return int(time.Hour / time.Second)
	case serviceInterruption, subscriptionPurchaseAckFailed, invoiceFailure:
		return 30
	case allFileserversBusy:
		return 5
	}
	if fault.KindOf(err) == fault.Unavailable {
		return 30
	}
	return 0
}

// Refuse answers r with err in the words of this API. It logs nothing. A preflight
// it answers as ever: without, a page would not learn what its request is refused for.
func (h *Handler) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	prepare(w)
	if cors.Answer(w, r) {
		return
	}
	h.refuse(h.newCall(w, r), err)
}

func (h *Handler) refuse(c *call, err error) {
	said := newRefusal(err, c.isUpload())
	header := c.w.Header()
	if said.http == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", "ApiKey") // RFC 9110 wants a challenge, and Java's client fails without
	}
	if s := h.retryAfter(said.status, err); s > 0 && header.Get("Retry-After") == "" { // the server may know better
		header.Set("Retry-After", strconv.Itoa(s))
	}
	c.writeError(said)
}

// fail is refuse for what went wrong in here. All of it is logged, because every
// error tells the request's id for somebody to look up; path, query and what the
// caller wrote are not: they hold secrets.
func (h *Handler) fail(c *call, err error) {
	said := newRefusal(err, c.isUpload())
	ctx, log := c.r.Context(), h.cfg.Log.With("door", "filemail", "request", wire.RequestID(c.r.Context()),
		"route", c.r.Pattern, "status", said.http, "word", said.status.String(), "code", fault.CodeOf(err))
	switch {
	case ctx.Err() != nil: // the client is gone
	case said.http == http.StatusInternalServerError:
		log.ErrorContext(ctx, "request failed", "err", err)
	default:
		log.InfoContext(ctx, "request refused")
	}
	if c.begun { // what is cut off is not taken for the whole
		panic(http.ErrAbortHandler)
	}
	h.refuse(c, err)
}
