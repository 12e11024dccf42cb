"""MNSIM 2.0's cost formulas, to compare against (thu-nics/MNSIM-2.0 at commit ca39ccb)."""
