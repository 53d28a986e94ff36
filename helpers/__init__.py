"""What the lessons share. Importing this package loads nothing; each module says what it needs."""

from os import environ

# Named again here, as in helpers/language.py: in English not even that module is loaded.
if environ.get("CNN_SHAPES_LANGUAGE") not in (None, "", "en"):
    from helpers import language

    language.install()
