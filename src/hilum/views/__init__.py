"""Random views of a whole batch of radiographs, each by one resampling."""

from hilum.views.policies import POLICIES, ViewPolicy
from hilum.views.render import plain_view, random_views

__all__ = ["POLICIES", "ViewPolicy", "plain_view", "random_views"]
