"""The error for input that the user has to correct."""


class EmertInputError(ValueError):
    """Something that the user gave (a file, a folder, an option) can't be used.

    The message is one sentence that names the file and the field, what was found, what was expected, and
    how to fix it. The command line and the demo show it without a traceback; any other exception is a bug and is not
    caught.
    """
