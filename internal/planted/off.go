//go:build !simbugs

package planted

// The bugs, none of which is there.
const (
	AnswerBeforeSync = false // bytes are promised that were not synced
	FolderNotSynced  = false // names of blobs are
	DuplicateIsNew   = false // a part sent again is counted again
	RowBeforeBytes   = false // the row is committed, and then the bytes are synced
	JobRunTwice      = false // the queue is not told what was done
)
