"""The pages of the dashboard: each reads what it shows, and adds its addresses."""
