"""What every room may use: errors, files written whole, saved state, lazy loading."""
