// Package bolt is being written.
package bolt
