"""The terminal as a front end: the thread of a job grows above the line that one types.

lines        text with styles, bars and tables; pure
thread       what is new in a post, and what is under way; pure
front        the front end: posts come in, new lines go to the screen
chat         what is typed goes to the dispatcher, and what it replies to the screen
plain        without a line editor: pipes and dumb terminals
editor       with one; the only importer of prompt_toolkit
"""
