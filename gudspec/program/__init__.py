"""The compiler: an `Experiment` becomes a `Program` of jitted training, likelihood, bound and sampling."""
