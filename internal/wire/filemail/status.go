package filemail

import "net/http"

// A status is one of the words of FilemailStatusEnum, in which every answer of
// this API says how it ended.
type status int

// The statuses in the order of the enum (docs.filemail.com, Error handling; kept
// in testdata). All known numbers rise in that order.
const (
	statusOK status = iota
	unknownError
	invalidParameter
	inputParameterMissing
	invalidEmail
	notFound
	cantRemoveLastCorpAdmin
	cantRemoveYourself
	cantRemoveAdminRoleForYourself
	serviceInterruption
	imageThumbTooExpensive
	missingApikey
	invalidApikey
	apiKeyQuotaExceeded
	rateLimitExceeded
	wrongUsernamePassword
	passwordTooWeak
	invalidOrExpiredLoginToken
	accountExpired
	captchaRequiredForNextLogin
	ldapUnableToCreateUser
	ldapWrongUsernamePassword
	accessDenied
	corpAuthenticationRequired
	invalidRequest
	useSsoLink
	ssoSessionExpired
	ssoCompanyDoesNotUseAdLogin
	ssoGroupIDNotSupported
	ssoSignatureInvalid
	twoFactorTokenNotFound
	twoFactorUserNotFound
	twoFactorPinNotValid
	passwordResetRequired
	ssoUserDisabled
	ssoLoginGeneralError
	ssoMissingAuthCode
	refreshTokenExpired
	refreshTokenAlreadyUsed
	ssoResetPasswordBlocked
	authorizationFailure
	corpAuthorizationFailed
	businessAccountExistsRegistrationRequired
	userAccountExistsLoginRequired
	blocked
	allFileserversBusy
	freeLimitReached
	accountExpiredAndOutOfTransferCredits
	emailNotVerified
	featureAvailableForRegisteredUsers
	fileSizeBlockSender
	fileSizeBlockRecipient
	tooManyRecipients
	invalidTransferState
	transferExpired
	passwordRequired
	uploadNotComplete
	fileIsDeleted
	uploadRecentlyUpdated
	fileIsInfected
	subscriptionNotFound
	emailAlreadyRegistered
	signupFormNotAccepted
	sessionPasswordNotFound
	sessionCustRefNotFound
	allUserLicencesesInUse
	registrationRequired
	paymentMethodNotAccepted
	subscriptionCancellationFailed
	invalidSubscriptionState
	paymentFailed
	receiptVerificationError
	receiptAlreadyUsedForActivation
	subscriptionNotPaid
	subscriptionAlreadyActivated
	subscriptionPurchaseAckFailed
	invoiceFailure
	invalidDowngrade
	invalidDataState
	invalidMembership
	contactsLimitReached
	storageCapReached
	contactsFileParseError
	recoveryNotPossible
	imageFileError
	contactDuplicate
	chunkDownloadError
	fileOperationError
	incomingPageBlockedInOverdue
	notAVideo
	operationCancelled
	fileRequestRecipientLimitTrial
	fileRequestRecipientLimitBasic
	fileRequestShareLimitTrial
	fileRequestShareLimitBasic
	fileRequestBlock
	fileRequestShareLimitTimeframe
)

// A mark says where the number of a status is from. Clients must not be taught to
// rely on a guess.
type mark byte

const (
	documented mark = 'D' // www.filemail.com/apidoc/ApiDocumentation.aspx
	byClient   mark = 'C' // the table of a client: apetrynet/pyfilemail, pyfilemail/errors.py
	guess      mark = 'G' // counted on from the last known number before it
)

// An entry is what there is to say of a status.
type entry struct {
	name string // as it is spelt on the wire, with the original's misspellings
	code int    // errorcode
	mark mark   // of code
	http int
	area string // the subsystem that gives it
	text string // for the caller, where the failure has no words of its own
}

func (s status) String() string { return statuses[s].name }

// HTTP statuses are those of Filemail's page on errors: it lists no 403 and no
// 503. Where it is silent these are guesses: what does not exist is 404, lack of
// rights is 401, trouble upstream and maintenance are 500 with Retry-After.
var statuses = [...]entry{
	statusOK:                                  {"OK", 0, guess, http.StatusOK, "all", ""},
	unknownError:                              {"UnknownError", 1001, documented, http.StatusInternalServerError, "all", "an unexpected error occurred; please give the errorid to the operator"},
	invalidParameter:                          {"InvalidParameter", 1002, documented, http.StatusBadRequest, "all", "a parameter is not valid"},
	inputParameterMissing:                     {"InputParameterMissing", 1003, documented, http.StatusBadRequest, "all", "a required parameter is missing"},
	invalidEmail:                              {"InvalidEmail", 1004, documented, http.StatusBadRequest, "all", "not an e-mail address"},
	notFound:                                  {"NotFound", 1005, documented, http.StatusNotFound, "all", "not found"},
	cantRemoveLastCorpAdmin:                   {"CantRemoveLastCorpAdmin", 1006, documented, http.StatusConflict, "company", "a company cannot lose its last administrator"},
	cantRemoveYourself:                        {"CantRemoveYourself", 1007, documented, http.StatusConflict, "company", "you cannot remove yourself"},
	cantRemoveAdminRoleForYourself:            {"CantRemoveAdminRoleForYourself", 1008, documented, http.StatusConflict, "company", "you cannot take the administrator role from yourself"},
	serviceInterruption:                       {"ServiceInterruption", 1009, documented, http.StatusInternalServerError, "ops", "the service is interrupted, please try again later"},
	imageThumbTooExpensive:                    {"ImageThumbTooExpensive", 1010, guess, http.StatusConflict, "media", "the picture is too large for a preview"},
	missingApikey:                             {"MissingApikey", 1011, guess, http.StatusUnauthorized, "auth", "the API key is missing"},
	invalidApikey:                             {"InvalidApikey", 1012, guess, http.StatusUnauthorized, "auth", "the API key is not valid"},
	apiKeyQuotaExceeded:                       {"ApiKeyQuotaExceeded", 1013, guess, http.StatusTooManyRequests, "auth", "the API key has used up its calls for today"},
	rateLimitExceeded:                         {"RateLimitExceeded", 1014, guess, http.StatusTooManyRequests, "auth", "too many requests, please slow down"},
	wrongUsernamePassword:                     {"WrongUsernamePassword", 2001, documented, http.StatusUnauthorized, "auth", "wrong user name or password"},
	passwordTooWeak:                           {"PasswordTooWeak", 2002, documented, http.StatusBadRequest, "auth", "the password is too weak"},
	invalidOrExpiredLoginToken:                {"InvalidOrExpiredLoginToken", 2003, documented, http.StatusUnauthorized, "auth", "the login token is missing, not valid or expired"},
	accountExpired:                            {"AccountExpired", 2004, documented, http.StatusConflict, "billing", "the account has expired"},
	captchaRequiredForNextLogin:               {"CaptchaRequiredForNextLogin", 2005, documented, http.StatusUnauthorized, "auth", "too many wrong passwords: the next try needs a solved captcha"},
	ldapUnableToCreateUser:                    {"LDAPUnableToCreateUser", 2006, documented, http.StatusUnauthorized, "LDAP", "no account can be made for this user of the directory"},
	ldapWrongUsernamePassword:                 {"LDAPWrongUsernamePassword", 2007, documented, http.StatusUnauthorized, "LDAP", "the directory refused user name or password"},
	accessDenied:                              {"AccessDenied", 2008, documented, http.StatusUnauthorized, "auth", "you may not do this"},
	corpAuthenticationRequired:                {"CorpAuthenticationRequired", 2009, documented, http.StatusUnauthorized, "company", "the company of the sender lets only its own people in: please sign in"},
	invalidRequest:                            {"InvalidRequest", 2010, documented, http.StatusBadRequest, "all", "the request cannot be understood"},
	useSsoLink:                                {"UseSsoLink", 2011, documented, http.StatusUnauthorized, "SSO", "your company signs in by single sign-on"},
	ssoSessionExpired:                         {"SsoSessionExpired", 2012, documented, http.StatusUnauthorized, "SSO", "the sign-on took too long, please begin again"},
	ssoCompanyDoesNotUseAdLogin:               {"SsoCompanyDoesNotUseAdLogin", 2013, documented, http.StatusConflict, "SSO", "the company does not use single sign-on"},
	ssoGroupIDNotSupported:                    {"SsoGroupIdNotSupported", 2014, documented, http.StatusUnauthorized, "SSO", "you are in none of the groups that may sign in"},
	ssoSignatureInvalid:                       {"SsoSignatureInvalid", 2015, documented, http.StatusUnauthorized, "SSO", "the signature of the sign-on is not valid"},
	twoFactorTokenNotFound:                    {"TwoFactorTokenNotFound", 2016, documented, http.StatusUnauthorized, "2FA", "the two-factor token is unknown, used or expired"},
	twoFactorUserNotFound:                     {"TwoFactorUserNotFound", 2017, documented, http.StatusUnauthorized, "2FA", "this user has no second factor"},
	twoFactorPinNotValid:                      {"TwoFactorPinNotValid", 2018, documented, http.StatusUnauthorized, "2FA", "the code is not valid"},
	passwordResetRequired:                     {"PasswordResetRequired", 2019, documented, http.StatusUnauthorized, "auth", "a new password has to be chosen first"},
	ssoUserDisabled:                           {"SsoUserDisabled", 2020, documented, http.StatusUnauthorized, "SSO", "the account is disabled"},
	ssoLoginGeneralError:                      {"SsoLoginGeneralError", 2021, documented, http.StatusUnauthorized, "SSO", "the sign-on failed at the provider"},
	ssoMissingAuthCode:                        {"SsoMissingAuthCode", 2022, documented, http.StatusBadRequest, "SSO", "the sign-on came back without a code"},
	refreshTokenExpired:                       {"RefreshTokenExpired", 2040, documented, http.StatusBadRequest, "auth", "the refresh token is unknown or expired"},
	refreshTokenAlreadyUsed:                   {"RefreshTokenAlreadyUsed", 2041, documented, http.StatusBadRequest, "auth", "the refresh token was used before"},
	ssoResetPasswordBlocked:                   {"SsoResetPasswordBlocked", 2042, guess, http.StatusConflict, "SSO", "this user has no password here to reset"},
	authorizationFailure:                      {"AuthorizationFailure", 2043, guess, http.StatusUnauthorized, "auth", "the API key does not allow this call"},
	corpAuthorizationFailed:                   {"CorpAuthorizationFailed", 2044, guess, http.StatusUnauthorized, "company", "only people of the company may do this"},
	businessAccountExistsRegistrationRequired: {"BusinessAccountExistsRegistrationRequired", 3001, documented, http.StatusConflict, "transfers", "the domain of the sender belongs to a company here: please register"},
	userAccountExistsLoginRequired:            {"UserAccountExistsLoginRequired", 3002, documented, http.StatusUnauthorized, "transfers", "the address of the sender has an account here: please login"},
	blocked:                                   {"Blocked", 3003, documented, http.StatusConflict, "transfers", "this is blocked"},
	allFileserversBusy:                        {"AllFileserversBusy", 3004, documented, http.StatusInternalServerError, "transfers", "all file servers are busy, please try again"},
	freeLimitReached:                          {"FreeLimitReached", 3005, byClient, http.StatusConflict, "transfers", "the limit of the free plan is reached"},
	accountExpiredAndOutOfTransferCredits:     {"AccountExpiredAndOutOfTransferCredits", 3006, guess, http.StatusConflict, "billing", "the account has expired, and no transfer credits are left"},
	emailNotVerified:                          {"EmailNotVerified", 3007, guess, http.StatusConflict, "auth", "the e-mail address is not verified yet"},
	featureAvailableForRegisteredUsers:        {"FeatureAvailableForRegisteredUsers", 3008, guess, http.StatusConflict, "transfers", "this is for registered users only"},
	fileSizeBlockSender:                       {"FileSizeBlockSender", 3009, guess, http.StatusConflict, "transfers", "larger than the plan of the sender allows"},
	fileSizeBlockRecipient:                    {"FileSizeBlockRecipient", 3010, guess, http.StatusConflict, "transfers", "larger than the plan of the recipient allows"},
	tooManyRecipients:                         {"TooManyRecipients", 3011, guess, http.StatusConflict, "transfers", "too many recipients"},
	invalidTransferState:                      {"InvalidTransferState", 3012, guess, http.StatusConflict, "transfers", "not possible in the present state of the transfer"},
	transferExpired:                           {"TransferExpired", 4001, byClient, http.StatusConflict, "transfers", "the transfer has expired"},
	passwordRequired:                          {"PasswordRequired", 4002, byClient, http.StatusConflict, "transfers", "the transfer needs its password"},
	uploadNotComplete:                         {"UploadNotComplete", 4003, byClient, http.StatusConflict, "transfers", "the upload is not complete"},
	fileIsDeleted:                             {"FileIsDeleted", 4004, byClient, http.StatusConflict, "files", "the file was deleted"},
	uploadRecentlyUpdated:                     {"UploadRecentlyUpdated", 4005, guess, http.StatusConflict, "transfers", "bytes came in a moment ago"},
	fileIsInfected:                            {"FileIsInfected", 4006, guess, http.StatusConflict, "files", "the file is infected"},
	subscriptionNotFound:                      {"SubscriptionNotFound", 5001, byClient, http.StatusConflict, "billing", "there is no subscription"},
	emailAlreadyRegistered:                    {"EmailAlreadyRegistered", 5002, byClient, http.StatusConflict, "auth", "the e-mail address is registered already"},
	signupFormNotAccepted:                     {"SignupFormNotAccepted", 5003, byClient, http.StatusBadRequest, "auth", "the sign-up form was not accepted"},
	sessionPasswordNotFound:                   {"SessionPasswordNotFound", 5004, byClient, http.StatusConflict, "auth", "the sign-up took too long, please begin again"},
	sessionCustRefNotFound:                    {"SessionCustRefNotFound", 5005, byClient, http.StatusConflict, "billing", "no order has this reference"},
	allUserLicencesesInUse:                    {"AllUserLicencesesInUse", 5006, byClient, http.StatusConflict, "company", "all user licences are in use"},
	registrationRequired:                      {"RegistrationRequired", 5007, guess, http.StatusUnauthorized, "auth", "please register first"},
	paymentMethodNotAccepted:                  {"PaymentMethodNotAccepted", 5008, guess, http.StatusConflict, "billing", "the payment method is not accepted"},
	subscriptionCancellationFailed:            {"SubscriptionCancellationFailed", 5009, guess, http.StatusConflict, "billing", "the subscription could not be cancelled"},
	invalidSubscriptionState:                  {"InvalidSubscriptionState", 5010, guess, http.StatusConflict, "billing", "not possible in the present state of the subscription"},
	paymentFailed:                             {"PaymentFailed", 5011, guess, http.StatusConflict, "billing", "the payment failed"},
	receiptVerificationError:                  {"ReceiptVerificationError", 5012, guess, http.StatusBadRequest, "receipts", "the receipt is not valid"},
	receiptAlreadyUsedForActivation:           {"ReceiptAlreadyUsedForActivation", 5013, guess, http.StatusConflict, "receipts", "another account used this receipt"},
	subscriptionNotPaid:                       {"SubscriptionNotPaid", 5014, guess, http.StatusConflict, "billing", "the subscription is not paid"},
	subscriptionAlreadyActivated:              {"SubscriptionAlreadyActivated", 5015, guess, http.StatusConflict, "billing", "the subscription is active already"},
	subscriptionPurchaseAckFailed:             {"SubscriptionPurchaseAckFailed", 5016, guess, http.StatusInternalServerError, "receipts", "the store could not be told of the purchase"},
	invoiceFailure:                            {"InvoiceFailure", 5017, guess, http.StatusInternalServerError, "billing", "the invoice could not be made or sent"},
	invalidDowngrade:                          {"InvalidDowngrade", 5018, guess, http.StatusConflict, "billing", "more is in use than the smaller plan has"},
	invalidDataState:                          {"InvalidDataState", 6001, guess, http.StatusConflict, "all", "changed by somebody else meanwhile"},
	invalidMembership:                         {"InvalidMembership", 6002, guess, http.StatusConflict, "billing", "the plan does not have this feature"},
	contactsLimitReached:                      {"ContactsLimitReached", 6003, guess, http.StatusConflict, "contacts", "the address book is full"},
	storageCapReached:                         {"StorageCapReached", 6004, guess, http.StatusConflict, "transfers", "the storage is used up"},
	contactsFileParseError:                    {"ContactsFileParseError", 6005, guess, http.StatusBadRequest, "contacts", "the file of contacts cannot be read"},
	recoveryNotPossible:                       {"RecoveryNotPossible", 6006, guess, http.StatusConflict, "transfers", "the transfer cannot be recovered any more"},
	imageFileError:                            {"ImageFileError", 6007, guess, http.StatusBadRequest, "media", "not a picture, or a damaged one"},
	contactDuplicate:                          {"ContactDuplicate", 6008, guess, http.StatusConflict, "contacts", "the address is in the address book already"},
	chunkDownloadError:                        {"ChunkDownloadError", 6009, guess, http.StatusInternalServerError, "files", "a piece of the file cannot be read"},
	fileOperationError:                        {"FileOperationError", 6010, guess, http.StatusInternalServerError, "files", "the file could not be stored"},
	incomingPageBlockedInOverdue:              {"IncomingPageBlockedInOverdue", 6011, guess, http.StatusConflict, "company", "the page is blocked while an invoice is overdue"},
	notAVideo:                                 {"NotAVideo", 6012, guess, http.StatusBadRequest, "media", "not a video"},
	operationCancelled:                        {"OperationCancelled", 6013, guess, http.StatusConflict, "files", "the operation was cancelled"},
	fileRequestRecipientLimitTrial:            {"FileRequestRecipientLimitTrial", 7001, guess, http.StatusConflict, "file requests", "more recipients than a trial account may ask"},
	fileRequestRecipientLimitBasic:            {"FileRequestRecipientLimitBasic", 7002, guess, http.StatusConflict, "file requests", "more recipients than this plan may ask"},
	fileRequestShareLimitTrial:                {"FileRequestShareLimitTrial", 7003, guess, http.StatusConflict, "file requests", "more open requests than a trial account may have"},
	fileRequestShareLimitBasic:                {"FileRequestShareLimitBasic", 7004, guess, http.StatusConflict, "file requests", "more open requests than this plan may have"},
	fileRequestBlock:                          {"FileRequestBlock", 7005, guess, http.StatusConflict, "file requests", "file requests are blocked for this account"},
	fileRequestShareLimitTimeframe:            {"FileRequestShareLimitTimeframe", 7006, guess, http.StatusTooManyRequests, "file requests", "too many file requests in a short time"},
}
