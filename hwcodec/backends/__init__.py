"""One file per vendor library; each is imported by the registry on first use only."""
