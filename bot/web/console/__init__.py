"""The console: pages and an API to ask and watch from a browser or a program.

    access     who asks: the Viewer of a request, or why there is none
    asking     asks in the words of chat, each key once
    reading    what both show, read for one viewer
    feed       what is new of a job, as a stream to all who watch it
    errors     what the pages and the API answer when something is wrong
    times      times as pages and programs write them
    security_headers  what browsers may do with an answer
    console    the routes of the console, on the bot's HTTP app
    sign_in    how people sign in: links, sessions, tokens, Slack

It reads the ledger and asks the dispatcher. What may be read is decided by the authorizer at each
request; whatever changes something is asked in the words that chat would take.
"""
