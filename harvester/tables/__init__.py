"""Records as tables: Parquet files beside the harvests, and SQL over them."""
