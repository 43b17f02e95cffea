"""How often: one bucket per caller and kind of work, counted in memory and kept across restarts (D-8.1)."""
