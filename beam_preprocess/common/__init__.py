"""What every room stands on: checked values, whole files, checksums and look-up tables."""
