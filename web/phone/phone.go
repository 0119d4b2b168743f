// Package phone is being written.
package phone
