package email

import "io/fs"

// Defaults returns the templates that are built in, to begin own ones with.
func Defaults() fs.FS {
	files, err := fs.Sub(defaults, "templates")
	if err != nil {
		panic(err) // the directory is embedded
	}
	return files
}
