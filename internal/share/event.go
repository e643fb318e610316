package share

// An Event is a change that programs may be told of (package hook).
type Event string

const (
	EventReady      Event = "transfer.ready"      // it can be downloaded
	EventDownloaded Event = "transfer.downloaded" // a file, or all of them, arrived whole at somebody
	EventExpired    Event = "transfer.expired"
	EventDeleted    Event = "transfer.deleted" // its owner or the operator took it down
)

// Events are all of them.
func Events() []Event { return []Event{EventReady, EventDownloaded, EventExpired, EventDeleted} }

// JobEvent is the kind of the job that tells of an event. Its ID is made by EventJob.
const JobEvent = "share.event"

// EventOf tells what has happened to a share whose state has changed; "" for nothing that
// anybody is told of.
func EventOf(kind Kind, before, after State) Event {
	if kind != Transfer || before == after {
		return ""
	}
	switch after {
	case Ready:
		return EventReady
	case Expired:
		return EventExpired
	case Deleted:
		return EventDeleted
	}
	return ""
}
