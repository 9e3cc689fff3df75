"""Who is told of what fires, and when: routes, groups, posts, the limit of a channel."""
