"""The options of a search by the groups of its help text: one dataclass each."""
