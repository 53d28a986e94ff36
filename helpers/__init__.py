"""What the lessons share. Importing this package loads nothing; each module says what it needs."""
