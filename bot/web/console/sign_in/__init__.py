"""How people sign in to the console, and who a request comes from.

session_access   the Viewer of a request: by the cookie of a session, or by a token
requests         what a request says about itself: its secret, whether another page sent it
routes           the pages: sign in, sign out, one's sessions and tokens
attempts         how often somebody may try
slack_openid     the second way: Slack vouches for a person (OpenID Connect)
"""
