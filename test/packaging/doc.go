// Package packaging tests the Debian package as an administrator meets it: it is built twice,
// judged by lintian, and installed, upgraded, removed and purged in fresh roots of Debian 12 and 13
// beside a Postfix, once without systemd and once with it. Two tests go further: a newcomer's way
// from the package to the first signed message and back, and the example of a container.
// packaging/README.md says what the package promises.
package packaging
