"""Who may do what: scopes, principals, and the credentials that make one."""
