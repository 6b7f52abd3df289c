"""What tests share: servers, sites, processes that are killed, and judges of what is stored."""
