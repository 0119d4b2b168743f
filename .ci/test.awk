# Shortens the output of "go test -v": a line for each package, what the failed tests said
# and, at the end, which tests were skipped and why. It exits as go test did, which the
# last line of its input says.

/^exit status of go test: / { status = $NF; next }

/^=== / { test = $3; next } # RUN, NAME, CONT, PAUSE: the lines that follow are this test's

/^ *--- (PASS|SKIP): / {
	quiet[$3] = 1
	if ($2 == "SKIP:")
		skipped[++skips] = $3 ": " said[$3]
	next
}

/^(ok  |FAIL|\?   )\t/ { # the end of a package
	for (i = 1; i <= n && $1 == "FAIL"; i++)
		if (!(of[i] in quiet) && line[i] != "FAIL")
			print line[i]
	print
	fflush()
	forget()
	next
}

{
	line[++n] = $0
	of[n] = test
}
/^ +[^ ]+\.go:[0-9]+: / { said[test] = substr($0, index($0, ": ") + 2) }

function forget() {
	n = 0
	test = ""
	split("", quiet)
	split("", said)
}

END {
	for (i = 1; i <= n; i++)
		print line[i]
	if (skips)
		print "\nskipped:"
	for (i = 1; i <= skips; i++)
		print "  " skipped[i]
	exit status == "" ? 1 : status
}
