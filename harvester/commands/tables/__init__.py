"""`tables`: stored posts as Parquet files, and SQL over them."""
