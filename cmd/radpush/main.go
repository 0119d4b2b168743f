// Command radpush is a RADIUS server with a push one-time-password second factor.
package main

func main() {}
