//go:build simbugs

package planted

// The bugs, to be switched on one at a time: see off.go.
var AnswerBeforeSync, FolderNotSynced, DuplicateIsNew, RowBeforeBytes, JobRunTwice bool
