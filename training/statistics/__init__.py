"""How certain a figure is: intervals, comparisons, calibration, and where felt and shown emotion differ."""
