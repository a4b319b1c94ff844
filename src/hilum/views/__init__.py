"""Random views of a whole batch of radiographs, each by one resampling."""

from hilum.views.named import POLICIES, policy_of
from hilum.views.policies import ViewPolicy
from hilum.views.render import plain_view, random_views

__all__ = ["POLICIES", "ViewPolicy", "plain_view", "policy_of", "random_views"]
