"""The formatter: one layout for all specs, that of the people who wrote them wherever there is a choice."""
