// Package dictionary knows RADIUS attributes by name: number, vendor and type, and how
// to write a value as bytes. The dictionaries, in the format of FreeRADIUS, are
// embedded; an operator can add files.
package dictionary
