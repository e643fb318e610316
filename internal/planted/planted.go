// Package planted holds bugs that a simulation has to find. They are constants that
// are false, so the compiler leaves them out; only a build with the tag simbugs can
// switch them on, and does so in the tests of package sim alone.
//
// Each is named for what goes wrong, and asked for by one line at the place where it
// would.
package planted
