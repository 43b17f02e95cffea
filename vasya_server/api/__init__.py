"""HTTP in, problem+json out."""
