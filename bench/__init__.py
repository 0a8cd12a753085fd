"""Side-by-side timings: labctl beside the ways it is measured against, interleaved in one run."""
