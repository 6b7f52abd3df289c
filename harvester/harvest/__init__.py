"""A harvest writes records to disk, to the store and to a manifest, and loses none in a crash in between."""
