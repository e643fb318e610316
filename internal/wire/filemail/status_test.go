package filemail

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"testing"
)

// schema is the error schema as Filemail publishes it.
type schema struct {
	Components struct {
		Schemas map[string]struct {
			Enum       []string                   `json:"enum"`
			Properties map[string]json.RawMessage `json:"properties"`
		} `json:"schemas"`
	} `json:"components"`
}

func readSchema(t *testing.T) (s schema) {
	t.Helper()
	text, err := os.ReadFile("testdata/error-response.openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStatusesAreTheEnum(t *testing.T) {
	want := readSchema(t).Components.Schemas["FilemailStatusEnum"].Enum
	var got []string
	for s := range statuses {
		got = append(got, status(s).String())
	}
	if len(want) != 97 || !slices.Equal(got, want) {
		t.Errorf("statuses are\n%q, want\n%q", got, want)
	}
}

func TestStatusCodesRise(t *testing.T) {
	marks := map[mark]int{}
	for i, e := range statuses {
		if i > 0 && e.code <= statuses[i-1].code {
			t.Errorf("%s has %d after %d", e.name, e.code, statuses[i-1].code)
		}
		marks[e.mark]++
	}
	if marks[documented] != 37 || marks[byClient] != 11 || marks[guess] != 49 {
		t.Errorf("documented, from a client, guessed: %d, %d, %d; want 37, 11, 49", marks[documented], marks[byClient], marks[guess])
	}
}

// TestKnownNumbers are facts: the apidoc page's, and those of pyfilemail.
func TestKnownNumbers(t *testing.T) {
	for s, want := range map[status]int{
		unknownError: 1001, invalidParameter: 1002, inputParameterMissing: 1003, invalidEmail: 1004, notFound: 1005,
		serviceInterruption: 1009, wrongUsernamePassword: 2001, invalidOrExpiredLoginToken: 2003, ssoMissingAuthCode: 2022,
		refreshTokenExpired: 2040, refreshTokenAlreadyUsed: 2041, businessAccountExistsRegistrationRequired: 3001,
		allFileserversBusy: 3004, freeLimitReached: 3005, transferExpired: 4001, passwordRequired: 4002,
		uploadNotComplete: 4003, fileIsDeleted: 4004, subscriptionNotFound: 5001, allUserLicencesesInUse: 5006,
	} {
		if e := statuses[s]; e.code != want || e.mark == guess {
			t.Errorf("%s is %d (%c), want %d, which is known", s, e.code, e.mark, want)
		}
	}
}

func TestStatusesUseTheDocumentedHTTPStatuses(t *testing.T) {
	listed := []int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict,
		http.StatusTooManyRequests, http.StatusInternalServerError,
	}
	for i, e := range statuses {
		if i == int(statusOK) {
			continue
		}
		if !slices.Contains(listed, e.http) {
			t.Errorf("%s is answered with %d, which the page on errors does not list", e.name, e.http)
		}
		if e.area == "" || e.text == "" {
			t.Errorf("%s has no area or text", e.name)
		}
	}
}
