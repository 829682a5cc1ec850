// Package packaging tests the Debian package as an administrator meets it: it is built twice,
// judged by lintian, and installed, upgraded, removed and purged in fresh Debian 12 roots beside
// a Postfix, once without systemd and once with it. packaging/README.md says what it promises.
package packaging
