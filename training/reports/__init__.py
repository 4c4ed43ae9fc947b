"""From results to what people read: sections of figures, pages of Markdown, pictures."""
