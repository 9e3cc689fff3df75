"""Step 5 of the path (post): from the database to the posts in the thread.

reconciler   asks each source what its posts must show     post_source     what a source is
job_posts, schedule_posts   the sources (bot.alerting.notifier is the third)
render       a job -> its posts                            grouping        servers -> groups
queue        a front end's posts, a worker per channel     next_post       which one is next
sender       makes the calls, and never posts twice        pending         what is known of a post
rate_limits  how much the front end allows                 delays          the note on a late post
unpostable   what a person reads alone if a job cannot be posted
"""
