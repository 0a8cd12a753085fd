"""`make chaos`: what users and machines do to a lab at any moment, in random order, with every record accounted for."""
