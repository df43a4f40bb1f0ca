"""Writers of `export`: rows as JSON lines, CSV, Parquet, GPX or iCalendar, mails as an mbox."""
