"""Back offices: where canonical documents go to and come from."""
