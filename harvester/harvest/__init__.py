"""A harvest puts records on disk, then in the store, then into a manifest, whatever dies in between."""
