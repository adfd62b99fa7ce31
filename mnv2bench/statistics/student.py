"""Student's t distribution, with parts of a degree of freedom; scipy is imported by the first call."""

from functools import lru_cache


@lru_cache(maxsize=10_000)
def t_quantile(degrees_of_freedom: float, confidence: float = 0.95) -> float:
    """How many standard errors a two-sided interval of that confidence reaches to each side."""
    from scipy import special  # scipy.stats, which asks the same function, takes a second to import

    return float(special.stdtrit(degrees_of_freedom, (1 + confidence) / 2))


def t_risk(standard_errors: float, degrees_of_freedom: float) -> float:
    """The probability that Student's t is larger than so many standard errors."""
    from scipy import special

    return float(special.stdtr(degrees_of_freedom, -standard_errors))
