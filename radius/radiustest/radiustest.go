// Package radiustest is being written.
package radiustest
