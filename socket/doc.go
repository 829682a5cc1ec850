// Package socket opens the sockets that the daemon answers on, and bounds the connections at them:
// for the milter, the socketmap and the admin socket alike.
//
//	listen.go     a socket, with its permissions from its first instant
//	listener.go   one that notices when its file is removed, and opens it again
//	inherited.go  sockets that systemd hands over
//	gate.go       accepts connections, so many at once, until the end
//
// A path in the file system is all that leads to a unix socket. The socket itself does not
// notice when somebody removes the file: it waits for connections that can never come.
package socket
