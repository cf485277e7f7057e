"""The command line: one thin file per command, each importing what it needs when it is called."""
