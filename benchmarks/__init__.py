"""What the gateway costs, as ratios inside one run on one machine."""
