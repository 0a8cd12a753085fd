"""The web page of a lab: labctl's own, and what labctl needs to know of Kafbat UI."""
