"""What outlives a connection so that the next one is cheaper: sessions, ticket keys, stores."""
