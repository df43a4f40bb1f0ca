"""Write files that survive a crash, and the spool between two stages."""
