"""Read the text of office files, PDFs, web pages and notes."""
