// Package web is being written.
package web
