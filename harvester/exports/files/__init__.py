"""Files of records on this machine, also those of Twittomatic: shown, merged, repaired and sampled."""
