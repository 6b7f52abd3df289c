"""Nothing is lost or doubled, whatever dies, sleeps, fills up or answers oddly."""
