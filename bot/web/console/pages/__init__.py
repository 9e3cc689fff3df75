"""The pages of the console: HTML by Jinja2, kept current by htmx.

rendering          templates -> answers, and what templates can use
failures           the pages that say what is wrong
static_files       what browsers load;   security_headers what they may do with it
"""
