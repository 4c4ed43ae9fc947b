"""The one error that is the user's to mend."""


class EmertInputError(ValueError):
    """Something that the user gave (a file, a folder, an option) can't be used.

    The message is one sentence for a person: it names the file and the field, what was found, what was expected, and
    how to mend it. The command line and the demo show it as it stands, without a traceback; any other exception is a
    programmer's mistake and is let through.
    """
