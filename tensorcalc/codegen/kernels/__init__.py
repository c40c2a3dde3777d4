"""Programs in C: loops planned from indices, rows worked off with everything about them in one place."""
