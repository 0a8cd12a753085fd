"""Which labs this user has: identity, folders, locks."""
